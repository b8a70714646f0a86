// What the lenses and direct logit attribution share: the way from the stream to logits.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "core/train/tuned_lens.h"

namespace microtome {

class Session;

/// How the final norm treats a stream that is not the last one.
enum class LensNorm {
    final,   // the final norm, with this stream's own mean and scale (the logit lens; nostalgebraist 2020)
    cached,  // with the scale that it had in the run (what direct logit attribution uses)
    none     // the unembedding alone
};
LensNorm parse_lens_norm(const std::string& name);

/// Logits float64 (…, d_vocab), the final cap included, of a stream (…, d_model). `last`: the stream after the last layer at the same
/// positions, for `cached`.
Tensor lens_logits(const Transformer& model, const Tensor& stream, const Tensor& last, LensNorm norm);

/// For the files of tuned lenses: the session's model and processing.
LensOwner owner_of(const Session& session);
/// The tuned lens of a file or folder; none for "".
std::optional<TunedLens> open_lens(const Session& session, const std::string& path);

/// The divisor of the final norm, float64 (…, 1), of a stream (…, d_model); ones without a norm.
Tensor final_scale(const Transformer& model, const Tensor& stream);

/// Of the direction through which answers and foils read the normed stream: mean over the answers' columns minus mean over the foils'.
struct ReadOut {
    Tensor direction;         // float64 (d_model): a component c of the stream adds c · direction / scale
    double norm_bias = 0;     // what the final norm's bias adds
    double unembed_bias = 0;  // what the unembedding's bias adds
};
ReadOut read_out(const Transformer& model, const std::vector<std::int64_t>& answers, const std::vector<std::int64_t>& foils);

}  // namespace microtome
