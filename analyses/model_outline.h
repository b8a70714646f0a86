// What a model is made of, as the app's tree shows it: its parts in the order of a forward pass, their weights and their sites. Free of
// torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyses/session.h"

namespace microtome {

struct OutlineWeight {
    std::string name;  // "blocks.0.attn.q.weight"
    std::vector<std::int64_t> shape;
    std::int64_t count() const {
        std::int64_t n = 1;
        for (const std::int64_t size : shape) n *= size;
        return n;
    }
};

struct OutlineSite {
    std::string hook, name, help;    // "blocks.0.attn.hook_z", "z"
    std::vector<std::string> shape;  // of one prompt: {"tokens", "12", "64"}
    bool costly = false;             // made only when asked for
};

/// Embedding, a block, attention, the MLP, a norm, the unembedding.
struct OutlinePart {
    std::string name;  // "Embedding", "Block 3", "Attention"
    int layer = -1;
    int heads = 0;  // of attention: its heads are parts, too
    std::vector<OutlineWeight> weights;
    std::vector<OutlineSite> sites;
    std::vector<OutlinePart> parts;
    /// With those of its parts.
    std::int64_t parameters() const;
};

struct ModelOutline {
    std::vector<OutlinePart> parts;
    std::int64_t parameters() const;
};

ModelOutline outline_of(Session& session);

}  // namespace microtome
