#include "app/commands/run_command_line.h"

#include <cstdio>
#include <new>

#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {

#define COMMAND(name) void add_##name(CLI::App& app, Common& common);
#include "app/commands/commands.inc"
#undef COMMAND
void add_analyses(CLI::App& app, Common& common);

namespace {

int refuse(const Common& common, const Error& error) {
    if (common.json) print_json({{"error", {{"subject", error.subject()}, {"expected", error.expected()}, {"got", error.got()}}}});
    std::fprintf(stderr, "microtome: %s\n", error.what());
    return 2;
}

// CLI11's messages, made one line; an option or command that is nearly right gets its neighbour named.
int refuse_usage(const Common& common, const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::string text = error.what();
    for (char& c : text)
        if (c == '\n') c = ' ';
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    std::string help = "microtome " + (at == &app ? std::string() : at->get_name() + " ") + "--help";
    if (common.json) print_json({{"error", {{"subject", "command line"}, {"expected", help}, {"got", text}}}});
    std::fprintf(stderr, "microtome: command line: %s (see %s)\n", text.c_str(), help.c_str());
    return 2;
}

// CLI11 would only say that a subcommand is missing.
void check_name(const CLI::App& app, int argc, char** argv) {
    if (argc < 2 || argv[1][0] == '-') return;
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == argv[1]) return;
        names.push_back(command->get_name());
    }
    throw Error("command", "a subcommand (microtome --help lists them)", with_suggestion(argv[1], names));
}

bool given(int argc, char** argv, const std::string& flag) {
    for (int i = 1; i < argc; ++i)
        if (flag == argv[i]) return true;
    return false;
}

}  // namespace

int run_command_line(int argc, char** argv) {
    stop_on_signals();
    Common common;
    common.json = given(argc, argv, "--json");  // an error on the command line itself is JSON too
    common.command.assign(argv, argv + argc);
    common.command[0] = "microtome";
    CLI::App app("Microtome: a workbench for mechanistic interpretability of transformers", "microtome");
    app.set_version_flag("--version", "microtome " MICROTOME_VERSION);
    app.require_subcommand(1);
    app.option_defaults()->always_capture_default();
    try {
#define COMMAND(name) add_##name(app, common);
#include "app/commands/commands.inc"
#undef COMMAND
        add_analyses(app, common);
        if (argc == 1) {
            std::printf("%s", app.help().c_str());
            return 2;
        }
        // After the whole command line was read, before the command begins.
        app.parse_complete_callback([&common] {
            if (common.download) download_if_missing(common.model.model, common);
        });
        check_name(app, argc, argv);
        app.parse(argc, argv);
        if (std::fflush(stdout) != 0) throw Error("standard output", "room to write", "an error");
        return 0;
    } catch (const CLI::ParseError& error) {
        return refuse_usage(common, app, error);
    } catch (const Error& error) {
        return refuse(common, error);
    } catch (const Told&) {
        return 2;
    } catch (const Cancelled&) {
        std::fprintf(stderr, "microtome: cancelled; what was finished is kept\n");
        return 3;
    } catch (const std::bad_alloc&) {
        return refuse(common,
                      Error("memory", "enough for this run (fewer prompts, or a smaller --batch-tokens)", "an allocation that failed"));
    } catch (const std::exception& error) {
        std::string text = error.what();
        std::string first = text.substr(0, text.find('\n'));
        if (first.find("can't allocate memory") != std::string::npos || first.find("out of memory") != std::string::npos)
            return refuse(common,
                          Error("memory", "enough for this run (fewer prompts, or a smaller --batch-tokens)", "an allocation that failed"));
        std::fprintf(stderr, "microtome: internal error: %s\n", first.c_str());
        return 1;
    }
}

}  // namespace microtome
