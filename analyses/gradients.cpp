#include "analyses/gradients.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "analyses/cache_plan.h"
#include "analyses/question.h"
#include "core/base/error.h"
#include "hooks/attribution.h"
#include "hooks/edit_axes.h"
#include "hooks/patching.h"
#include "hooks/recorder.h"
#include "hooks/store/store_writer.h"

namespace microtome {
namespace {

struct Row {
    std::vector<std::int64_t> ids, clean;
    Question question;
};

// One row of a site as the store has it: (token, …), or (query, key, head).
Tensor stored(const Tensor& x, SiteRef ref, std::int64_t row) {
    Tensor one = x.detach().select(0, row);
    if (pairs_positions(ref.site)) one = one.permute({1, 2, 0});
    return one.to(at::kCPU, x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).contiguous();
}

class Backward {
  public:
    Backward(Session& session, const GradientRequest& request)
        : session_(session),
          model_(session.impl().model),
          request_(request),
          metric_(choose_metric(request.metric, request.metric_expr)),
          refs_(match_sites(model_.config, request.sites)),
          edits_(make_rows()) {
        if (!metric_.differentiable()) throw Error("metric", "one with a gradient", "rank counts tokens");
    }

    GradientOutcome run(Progress& progress) {
        GradientOutcome out;
        StorePlan sizes;
        for (std::size_t i = 0; i < rows_.size(); ++i) sizes.add(prompt(i));
        const ModelFacts& f = session_.facts();
        StoreWriter writer(request_.out, {f.name, f.sha256, f.processing, f.dtype, session_.impl().tokenizer_sha256}, store_sites(),
                           {false, 0, sizes});
        double sum = 0;
        for (std::size_t first = 0, last = 0; first < rows_.size(); first = last) {
            if (progress.stopped()) {
                writer.flush_done();
                throw Cancelled();
            }
            last = end_of_batch(first);
            sum += batch(first, last, writer);
            out.prompts = last;
            progress.step(static_cast<std::int64_t>(last), static_cast<std::int64_t>(rows_.size()), "prompts");
        }
        edits_.check_fired();
        writer.finish();
        out.tokens = sizes.tokens;
        out.sites = refs_.size();
        out.metric = sum / static_cast<double>(rows_.size());
        return out;
    }

  private:
    Edits make_rows() {
        if (request_.pairs.empty())
            throw Error("prompts", "at least one pair (--pairs FILE, or --clean, --corrupt, --answer, --foil)", "none");
        std::vector<PromptTokens> tokens;
        for (const PromptPair& pair : request_.pairs) {
            ResolvedPair resolved = resolve(session_, pair, metric_.needs_answer(), metric_.needs_foil());
            rows_.push_back(
                {request_.corrupt ? resolved.corrupt : resolved.clean, resolved.clean, question_of(session_, metric_, pair, resolved)});
            tokens.push_back({resolved.clean, pair.spans});
        }
        return edits_for(session_, tokens);
    }

    StorePrompt prompt(std::size_t i) const {
        const PromptPair& pair = request_.pairs[i];
        return {request_.corrupt ? pair.corrupt : pair.clean, {rows_[i].ids.begin(), rows_[i].ids.end()}};
    }

    // Activations first, then their gradients.
    std::vector<StoreSite> store_sites() const {
        std::vector<StoreSite> sites;
        for (bool gradient : {false, true})
            for (SiteRef ref : refs_) {
                sites.push_back(store_site(ref, model_.config, store_type(request_.store)));
                sites.back().gradient = gradient;
            }
        return sites;
    }

    // Neighbours of one length run together.
    std::size_t end_of_batch(std::size_t first) const {
        std::size_t last = first + 1, length = rows_[first].ids.size();
        while (last < rows_.size() && rows_[last].ids.size() == length &&
               static_cast<std::int64_t>((last - first + 1) * length) <= request_.batch_tokens)
            ++last;
        return last;
    }

    Tensor ids(std::size_t first, std::size_t last, bool clean) const {
        std::vector<std::vector<std::int64_t>> rows;
        for (std::size_t i = first; i < last; ++i) rows.push_back(clean ? rows_[i].clean : rows_[i].ids);
        return ids_tensor(rows);
    }

    std::vector<std::size_t> numbers(std::size_t first, std::size_t last) const {
        std::vector<std::size_t> out;
        for (std::size_t i = first; i < last; ++i) out.push_back(i);
        return out;
    }

    // The sum of the rows' metrics.
    double batch(std::size_t first, std::size_t last, StoreWriter& writer) {
        std::vector<const Question*> asked;
        for (std::size_t i = first; i < last; ++i) asked.push_back(&rows_[i].question);
        MetricBatch reading(metric_, asked, static_cast<std::int64_t>(rows_[first].ids.size()));
        if (metric_.needs_clean()) {
            edits_.enter({ids(first, last, true), numbers(first, last)});
            Tensor clean = logits_at(model_, ids(first, last, true), edits_.empty() ? nullptr : &edits_, reading.positions());
            for (std::size_t i = first; i < last; ++i)
                rows_[i].question.clean_logits = clean[static_cast<std::int64_t>(i - first)].narrow(0, 0, reading.count(i - first)).clone();
        }
        std::vector<StorePrompt> prompts;
        for (std::size_t i = first; i < last; ++i) prompts.push_back(prompt(i));
        writer.add_prompts(prompts);
        double sum = 0;
        for (const auto& pass : gradient_passes(refs_)) {
            c10::AutoGradMode with_gradients(true);
            Recorder recorder(pass, true);
            edits_.enter({ids(first, last, false), numbers(first, last)});
            Chain chain({edits_.empty() ? nullptr : &edits_, &recorder});
            Tensor total = reading(logits_at(model_, ids(first, last, false), &chain, reading.positions())).sum();
            sum = total.item<double>();
            if (total.requires_grad()) total.backward();
            for (SiteRef ref : pass)
                for (std::size_t i = 0; i < last - first; ++i) write(ref, recorder, static_cast<std::int64_t>(i), writer);
        }
        writer.batch_done();
        return sum;
    }

    void write(SiteRef ref, const Recorder& recorder, std::int64_t row, StoreWriter& writer) const {
        auto site = static_cast<std::size_t>(std::find(refs_.begin(), refs_.end(), ref) - refs_.begin());
        for (bool gradient : {false, true}) {
            Tensor x = stored(gradient ? recorder.gradient(ref) : recorder.at(ref), ref, row);
            auto count = static_cast<std::uint64_t>(x.size(0) * (pairs_positions(ref.site) ? x.size(1) : 1));
            std::size_t column = site + (gradient ? refs_.size() : 0);
            if (x.scalar_type() == at::kDouble)
                writer.append(column, x.const_data_ptr<double>(), count);
            else
                writer.append(column, x.const_data_ptr<float>(), count);
        }
    }

    Session& session_;
    const Transformer& model_;
    const GradientRequest& request_;
    Metric metric_;
    std::vector<SiteRef> refs_;
    std::vector<Row> rows_;
    Edits edits_;
};

}  // namespace

GradientOutcome write_gradients(Session& session, const GradientRequest& request, Progress& progress) {
    c10::AutoGradMode without_gradients(false);
    if (request.batch_tokens < 1) throw Error("batch-tokens", "a number ≥ 1", std::to_string(request.batch_tokens));
    return Backward(session, request).run(progress);
}

}  // namespace microtome
