// Senders and receivers of path patching, as users name them.
#pragma once

#include <string>
#include <vector>

#include "hooks/path_patching.h"

namespace microtome {

/// A sender by name, or several that are patched at once: "L0.H1", "L2.mlp", "embed", "L0.H1+L0.H2".
struct SenderSet {
    std::string name;
    std::vector<PathNode> nodes;
};

/// "heads", "mlps", "all" (both), or a list with commas. An Error for what the model has not.
std::vector<SenderSet> parse_senders(const std::string& text, const ModelConfig& config, const std::string& subject);
/// With commas: "L2.H1.q", "L2.H1.k", "L2.H1.v" (k and v: key/value heads), "L2.H1" for the three, "L2.mlp", "logits" (the end of the
/// stream).
std::vector<PathNode> parse_receivers(const std::string& text, const ModelConfig& config, const std::string& subject);

}  // namespace microtome
