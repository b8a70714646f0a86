// microtome query STORE EXPRESSION: which tokens, and how much.
#include "analyses/query/query.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "analyses/files/csv.h"
#include "app/commands/cli.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/model.h"
#include "core/text/tokenizer.h"

namespace microtome {
namespace {

struct Options {
    std::string store, expression, sort = "file", model, csv;
    std::uint64_t limit = 50, context = 5;
};

constexpr const char* grammar = R"(EXPRESSION is a condition, or a number and how many of the largest are wanted:
  L3H1.pattern[prev] > 0.5              where a head attends to the token before
  L2.mlp_post[117] top 20               a neuron's largest activations
  norm(L1.resid_post) > 12              a long residual stream
  max(L0H2.pattern) > 0.9 and position > 3 and not token = " the"
  L1.resid_post[3] - L0.resid_post[3] top 5 where label = "third"
  norm(grad(L1.resid_post)) top 10      where a metric's gradient is long (a store of microtome gradients)
Activations: L3.SITE, L3H1.SITE or a hook name, with an index in brackets; a pattern's is the key: prev, self, first or its position.
Without an index inside norm, max, min, mean or sum (of a pattern: over the keys up to the query). Also abs(x), max(x, y), + - * /.
grad(ACTIVATION): the gradient of the store's metric by it. Numbers: position, length, id, prompt, metric (the prompt's). Texts: token, text, label, group, with =, != or contains. Join with and, or, not, ( ).)";

// Through the model's own tokenizer, if it is here and the one that the store was made with.
query::Pieces pieces_of(const StoreReader& store, const Options& options, const Common& common) {
    std::shared_ptr<Tokenizer> tokenizer;
    const std::string name = options.model.empty() ? store.identity().model : options.model;
    try {
        tokenizer = load_tokenizer(locate_model(name));
    } catch (const Error& error) {
        if (!options.model.empty()) throw;
        message(common, "tokens are shown as ids: " + std::string(error.what()));
        return {};
    }
    if (tokenizer->facts().sha256 != store.identity().tokenizer_sha256) {
        if (!options.model.empty())
            throw Error("--model", "the tokenizer of " + store.name() + ", " + store.identity().tokenizer_sha256,
                        tokenizer->facts().sha256);
        message(common, "tokens are shown as ids: the tokenizer of " + name + " is not the one of this store");
        return {};
    }
    return [tokenizer](std::int64_t id) { return tokenizer->piece(id); };
}

query::Order order_of(const std::string& sort) {
    if (sort == "file") return query::Order::file;
    if (sort == "descending") return query::Order::descending;
    if (sort == "ascending") return query::Order::ascending;
    throw Error("--sort", "descending, ascending or file", "\"" + sort + "\"");
}

std::string text_of(double value, const char* format) {
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

Json json_of(const query::Answer& answer, const StoreIdentity& from, const Options& options) {
    Json rows = Json::array();
    for (const query::Shown& row : answer.rows) {
        Json json{{"prompt", row.match.prompt}, {"position", row.match.position}, {"id", row.id},
                  {"token", row.token},         {"before", row.before},           {"after", row.after}};
        json["value"] = std::isfinite(row.match.value) ? Json(row.match.value) : Json(row.match.value > 0 ? "inf" : "-inf");
        if (!row.label.empty()) json["label"] = row.label;
        if (!row.group.empty()) json["group"] = row.group;
        rows.push_back(json);
    }
    Json json{{"store", options.store}, {"expression", options.expression}};
    if (from.has_gradients()) json.update({{"metric", from.metric}, {"metric_run", from.metric_run}});
    json.update({{"tokens", answer.tokens}, {"matches", answer.matches}, {"rows", rows}});
    return json;
}

void write_csv(const query::Answer& answer, const std::string& file) {
    std::string text = csv_line({"prompt", "position", "id", "token", "value", "before", "after", "label", "group"});
    for (const query::Shown& row : answer.rows)
        text += csv_line({std::to_string(row.match.prompt), std::to_string(row.match.position), std::to_string(row.id), row.token,
                          text_of(row.match.value, "%.17g"), row.before, row.after, row.label, row.group});
    write_file(file, text);
}

// Line ends and tabulators of a token would break the table.
std::string on_one_line(const std::string& text) {
    std::string out;
    for (char c : text) out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : std::string(1, c);
    return out;
}

void print(const query::Answer& answer, const Common& common) {
    std::vector<std::vector<std::string>> rows{{"prompt", "position", "value", "token in its context"}};
    for (const query::Shown& row : answer.rows)
        rows.push_back({std::to_string(row.match.prompt), std::to_string(row.match.position), text_of(row.match.value, "%.6g"),
                        on_one_line(row.before + "[" + row.token + "]" + row.after)});
    if (!answer.rows.empty()) print_rows(rows);
    std::string line = std::to_string(answer.matches) + " of " + std::to_string(answer.tokens) + " tokens match";
    if (answer.rows.size() < answer.matches) line += "; " + std::to_string(answer.rows.size()) + " shown";
    message(common, line);
}

void run(const Options& options, const Common& common) {
    const query::Order order = order_of(options.sort);
    query::parse(options.expression);  // a mistake in it comes before one in the file
    const StoreReader store(options.store);
    TerminalProgress progress(common.quiet);
    const query::Pieces pieces = pieces_of(store, options, common);
    const query::Answer answer = query::ask(store, options.expression, {options.limit, order, options.context}, pieces, progress);
    if (!options.csv.empty()) write_csv(answer, options.csv);
    if (common.json) return print_json(json_of(answer, store.identity(), options));
    print(answer, common);
    if (store.identity().has_gradients()) message(common, "grad and metric: " + store.identity().metric_text());
}

}  // namespace

void add_query(CLI::App& app, Common& common) {
    auto* command = app.add_subcommand("query", "Ask an activation store which tokens meet a condition, or have the largest values");
    auto options = std::make_shared<Options>();
    command->add_option("store", options->store, "A store that microtome cache or gradients wrote")->required();
    command->add_option("expression", options->expression, "The question (below)")->required();
    command->add_option("--limit", options->limit, "At most so many rows (0: all)");
    command->add_option("--sort", options->sort, "By value: descending or ascending; file: as they are stored");
    command->add_option("--context", options->context, "Tokens shown on each side");
    command->add_option("--out", options->csv, "A CSV file for the rows");
    command->add_option("--model", options->model, "Whose tokenizer shows the tokens (default: the model that the store names)");
    command->add_flag("--json", common.json, "One JSON object on standard output");
    command->add_flag("--quiet", common.quiet, "No progress and no messages");
    command->footer(grammar);
    command->callback([options, &common] { run(*options, common); });
}

}  // namespace microtome
