// The files of a result in a folder. result.json comes last: where it is, the others are.
#include "analyses/views/json_numbers.h"
#include "analyses/views/serialize.h"
#include "core/base/error.h"
#include "core/base/files.h"

namespace microtome {

void write_result(const std::filesystem::path& folder, const Result& result) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw Error(folder.string(), "a folder that can be made", error.message());
    const std::string json = json_text(result_to_json(result));
    write_result_h5(folder / "result.h5", result);
    for (const NamedView& view : result.views) write_file(folder / (view.name + ".csv"), view_to_csv(view.view));
    write_file(folder / "result.json", json);
}

Result read_result(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "result.json";
    return result_from_json(read_json(file), folder, file.string());
}

}  // namespace microtome
