// microtome tokenize --model M [--prompt TEXT | --file F]: ids and pieces.
#include "analyses/session_impl.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/model.h"
#include "core/text/utf8.h"

namespace microtome {
namespace {

struct Options {
    std::string prompt, file;
    bool no_bos = false;
};

void run(const Options& options, const Common& common) {
    if (options.prompt.empty() == options.file.empty())
        throw Error("--prompt", "either --prompt TEXT or --file FILE", options.file.empty() ? "neither" : "both");
    std::filesystem::path folder = locate_model(common.model.model);
    auto tokenizer = load_tokenizer(folder);
    std::string text = options.file.empty() ? options.prompt : read_file(options.file, std::size_t{64} << 20);
    if (!is_utf8(text)) message(common, "The text is not UTF-8 throughout: U+FFFD stands for what is not");
    std::optional<bool> bos;
    if (options.no_bos) bos = false;
    auto ids = tokenizer->encode(text, bos);
    if (common.json) {
        Json tokens = Json::array();
        for (std::int64_t id : ids) tokens.push_back(tokenizer->piece(id));
        print_json({{"ids", ids}, {"pieces", tokens}, {"prepends_bos", tokenizer->prepends_bos()}, {"tokenizer", tokenizer->kind()}});
        return;
    }
    std::vector<std::vector<std::string>> rows{{"position", "id", "piece"}};
    for (std::size_t i = 0; i < ids.size(); ++i)
        rows.push_back({std::to_string(i), std::to_string(ids[i]), Json(tokenizer->piece(ids[i])).dump()});
    print_rows(rows);
}

}  // namespace

void add_tokenize(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("tokenize", "Token ids and pieces of a text");
    auto options = std::make_shared<Options>();
    command->add_option("--model", common.model.model, "Bundled name, model folder, or name in the local hub cache");
    command->add_option("--prompt", options->prompt, "The text");
    command->add_option("--file", options->file, "A file with the text");
    command->add_flag("--no-bos", options->no_bos, "Prepend no beginning-of-sequence token");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
