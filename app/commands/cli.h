// What the subcommands share: common options, progress on the terminal, results on stdout or in a folder, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analyses/runner.h"
#include "core/base/ranks.h"

namespace microtome {

/// A check failed, and the one JSON object on standard output has told it: exit 2 without another word.
struct Told {};

struct Common {
    ModelOptions model;
    std::int64_t seed = 0;
    std::string out, figures;
    bool json = false, quiet = false;
    bool download = false;             // a model that is not on this computer is fetched first
    std::vector<std::string> command;  // as typed
    std::unique_ptr<Ranks> ranks;      // other processes that mpirun started with this one
    bool leads() const { return !ranks || ranks->leader(); }
};

/// A bar with rate and time left on stderr when that is a terminal; a line every ten seconds when it is not.
class TerminalProgress : public RunProgress {
  public:
    explicit TerminalProgress(bool quiet);
    ~TerminalProgress() override;
    void step(std::int64_t done, std::int64_t total, std::string_view unit) override;
    void note(std::string_view line) override;

  private:
    void clear();
    bool quiet_, terminal_, drawn_ = false;
    std::int64_t first_ = -1;
    std::chrono::steady_clock::time_point start_, shown_;
};

/// From now on SIGINT and SIGTERM ask the running work to stop (exit 3); a second one ends the program at once.
void stop_on_signals();

/// One command: puts its options on `app` and sets its callback.
using AddCommand = void (*)(CLI::App& app, Common& common);

void add_model_options(CLI::App& command, Common& common);
void add_output_options(CLI::App& command, Common& common);
/// --download alone, for commands that choose their model themselves.
void add_download_option(CLI::App& command, Common& common);
/// Fetches a model that no bundled name, folder or whole snapshot is.
void download_if_missing(const std::string& model, const Common& common);

/// In a process of several, once the command line is read: an Error unless the command shares its work; threads of this process; rank 0
/// alone writes and talks.
void prepare_rank(const std::string& command, Common& common);
/// Another rank than 0 has failed: rank 0 is told, and this waits until the job is ended.
void fail_rank(Common& common, const Error& error, bool internal = false);

/// --intervene, for commands that run the model.
void add_intervention_option(CLI::App& command, std::vector<std::string>& interventions);
std::vector<Intervention> interventions_of(const std::vector<std::string>& texts);

/// Prints `value` as the command's one JSON object.
void print_json(const Json& value);
/// A line on stderr unless --quiet.
void message(const Common& common, const std::string& line);
/// "12.3 MB"
std::string bytes_text(std::uint64_t bytes);
/// Aligned columns on stdout; the first row is the header.
void print_rows(const std::vector<std::vector<std::string>>& rows);

/// The figures asked for ("svg,pdf,png" or "none"), written as VIEW.FORMAT; an Error where this build can't draw.
void write_figures(const std::filesystem::path& folder, const Result& result, const Json& manifest, const std::string& formats);
/// One view as the file's extension says: .svg, .pdf or .png.
void write_figure(const std::filesystem::path& file, const NamedView& view, const Json& manifest);
/// The manifest inside a figure.
Json figure_manifest(const std::filesystem::path& file);
std::string default_figures();
/// One line of provenance under a figure: model, hash, metric, dtype, version.
std::string caption_of(const Json& manifest);

}  // namespace microtome
