#include "app/commands/run_command_line.h"

#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <new>
#include <thread>

#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/near.h"

namespace microtome {

#define COMMAND(name) void add_##name(CLI::App& app, Common& common);
#include "app/commands/commands.inc"
#undef COMMAND
void add_analyses(CLI::App& app, Common& common);

namespace {

int refuse(Common& common, const Error& error) {
    if (!common.leads()) {
        fail_rank(common, error);
        return 2;
    }
    if (common.json) print_json({{"error", {{"subject", error.subject()}, {"expected", error.expected()}, {"got", error.got()}}}});
    std::fprintf(stderr, "microtome: %s\n", error.what());
    return 2;
}

// CLI11's messages, made one line; an option or command that is nearly right gets its neighbour named.
int refuse_usage(Common& common, const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::string text = error.what();
    for (char& c : text)
        if (c == '\n') c = ' ';
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    std::string help = "microtome " + (at == &app ? std::string() : at->get_name() + " ") + "--help";
    if (!common.leads()) return refuse(common, Error("command line", help, text));
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

int refuse_memory(Common& common) {
    return refuse(common, Error("memory", "enough for this run (fewer prompts, or a smaller --batch-tokens)", "an allocation that failed"));
}

int tell_bug(Common& common, const std::exception& error) {
    std::string text = error.what();
    std::string first = text.substr(0, text.find('\n'));
    if (first.find("can't allocate memory") != std::string::npos || first.find("out of memory") != std::string::npos)
        return refuse_memory(common);
    if (common.leads())
        std::fprintf(stderr, "microtome: internal error: %s\n", first.c_str());
    else
        fail_rank(common, Error("internal error", "none", first), true);
    return 1;
}

// The exit code: what `work` throws is told in one line.
template <class Work>
int told(Common& common, const CLI::App& app, const Work& work) {
    try {
        work();
        if (std::fflush(stdout) != 0) throw Error("standard output", "room to write", "an error");
        return 0;
    } catch (const CLI::ParseError& error) {
        return refuse_usage(common, app, error);
    } catch (const Error& error) {
        return refuse(common, error);
    } catch (const Told&) {
        return 2;
    } catch (const Cancelled&) {
        if (!common.leads()) return 0;  // rank 0 says how it ends
        std::fprintf(stderr, "microtome: cancelled; what was finished is kept\n");
        return 3;
    } catch (const JobEnded&) {
        return 0;
    } catch (const std::bad_alloc&) {
        return refuse_memory(common);
    } catch (const std::exception& error) {
        return tell_bug(common, error);
    }
}

// mpirun ends a job with SIGTERM for all, and with SIGKILL a second later, or sooner if one ends meanwhile. Rank 0 writes in that second.
extern "C" void on_end_of_job(int) {
    alarm(1);
}

// Joins the processes that mpirun started with this one, if there are. False if that failed, which rank 0 has told.
bool join(Common& common) {
    try {
        common.ranks = join_ranks();
    } catch (const Error& error) {
        if (launch_of_mpirun().rank == 0)
            refuse(common, error);
        else
            std::this_thread::sleep_for(std::chrono::seconds(10));  // the end of rank 0 ends this one
        return false;
    }
    if (common.leads()) {
        stop_on_signals();
        return true;
    }
    // On other ranks an interrupt ends the process, and mpirun then all: nothing is theirs to keep.
    std::signal(SIGTERM, on_end_of_job);
    return std::freopen("/dev/null", "w", stdout) != nullptr;
}

void before_command(const CLI::App& app, Common& common) {
    if (common.ranks) prepare_rank(app.get_subcommands().front()->get_name(), common);
    if (!common.download) return;
    if (common.leads()) download_if_missing(common.model.model, common);
    if (!common.ranks) return;
    Bytes go;
    common.ranks->share(go);
    if (!common.leads()) download_if_missing(common.model.model, common);
}

}  // namespace

int run_command_line(int argc, char** argv) {
    Common common;
    common.json = given(argc, argv, "--json");  // an error on the command line itself is JSON too
    common.command.assign(argv, argv + argc);
    common.command[0] = "microtome";
    if (!join(common)) return 2;
    CLI::App app("Microtome: a workbench for mechanistic interpretability of transformers", "microtome");
    app.set_version_flag("--version", "microtome " MICROTOME_VERSION);
    app.require_subcommand(1);
    app.option_defaults()->always_capture_default();
    int code = told(common, app, [&] {
#define COMMAND(name) add_##name(app, common);
#include "app/commands/commands.inc"
#undef COMMAND
        add_analyses(app, common);
        if (argc == 1) {
            std::printf("%s", app.help().c_str());
            if (common.leads()) throw Told();
            throw Error("command", "a subcommand", "none");
        }
        // After the whole command line was read, before the command begins.
        app.parse_complete_callback([&] { before_command(app, common); });
        check_name(app, argc, argv);
        app.parse(argc, argv);
    });
    if (code == 0 && common.ranks) code = told(common, app, [&] { common.ranks->end(); });
    return code;
}

}  // namespace microtome
