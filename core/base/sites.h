// The table of sites: every named activation, with the field's hook name (TransformerLens), shape and one sentence.
// Cache keys, `--sites`, the app's picker and the reference page all read it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace microtome {

enum class Site : std::uint8_t {
    embed,
    pos_embed,
    resid_pre,
    attn_in,
    q_input,
    k_input,
    v_input,
    ln1_scale,
    ln1_normalized,
    q,
    k,
    v,
    q_norm_scale,
    q_norm_normalized,
    k_norm_scale,
    k_norm_normalized,
    rot_q,
    rot_k,
    attn_scores,
    pattern,
    z,
    result,
    ln1_post_scale,
    ln1_post_normalized,
    attn_out,
    resid_mid,
    mlp_in,
    ln2_scale,
    ln2_normalized,
    mlp_pre,
    mlp_pre_linear,
    mlp_post,
    ln2_post_scale,
    ln2_post_normalized,
    mlp_out,
    resid_post,
    ln_final_scale,
    ln_final_normalized,
    unembed_in,
    unembed_out,
};

/// Axes: p position (query), s source position, h heads, k key/value heads, e d_head, m d_model, f d_mlp, v d_vocab, 1 one. The batch axis
/// is first and left out.
struct SiteInfo {
    Site site;
    const char* hook;  // "blocks.{l}.attn.hook_q" with {l} for the layer; without: once a model
    const char* name;  // "q": in "L3.H1.q", presets and the app
    const char* axes;  // "phe"
    bool costly;       // made only when asked for: leaves the fused path or copies the stream per head
    const char* help;
};

inline constexpr std::array<SiteInfo, 40> site_table{{
    {Site::embed, "hook_embed", "embed", "pm", false, "Token embedding"},
    {Site::pos_embed, "hook_pos_embed", "pos_embed", "pm", false, "Position embedding (learned positions only)"},
    {Site::resid_pre, "blocks.{l}.hook_resid_pre", "resid_pre", "pm", false, "Residual stream entering the layer"},
    {Site::attn_in, "blocks.{l}.hook_attn_in", "attn_in", "phm", true, "Residual stream as each head reads it, before the norm"},
    {Site::q_input, "blocks.{l}.hook_q_input", "q_input", "phm", true, "Residual stream as each head's query reads it, before the norm"},
    {Site::k_input, "blocks.{l}.hook_k_input", "k_input", "pkm", true, "Residual stream as each head's key reads it, before the norm"},
    {Site::v_input, "blocks.{l}.hook_v_input", "v_input", "pkm", true, "Residual stream as each head's value reads it, before the norm"},
    {Site::ln1_scale, "blocks.{l}.ln1.hook_scale", "ln1_scale", "p1", true, "Divisor of the norm before attention"},
    {Site::ln1_normalized, "blocks.{l}.ln1.hook_normalized", "ln1_normalized", "pm", true,
     "Stream after that division, before weight and bias"},
    {Site::q, "blocks.{l}.attn.hook_q", "q", "phe", false, "Queries, after the bias, before their norm and rotary positions"},
    {Site::k, "blocks.{l}.attn.hook_k", "k", "pke", false, "Keys, after the bias, before their norm and rotary positions"},
    {Site::v, "blocks.{l}.attn.hook_v", "v", "pke", false, "Values, after the bias"},
    {Site::q_norm_scale, "blocks.{l}.attn.q_norm.hook_scale", "q_norm_scale", "ph1", true, "Divisor of the norm of the queries"},
    {Site::q_norm_normalized, "blocks.{l}.attn.q_norm.hook_normalized", "q_norm_normalized", "phe", true,
     "Queries after that division, before the weight"},
    {Site::k_norm_scale, "blocks.{l}.attn.k_norm.hook_scale", "k_norm_scale", "pk1", true, "Divisor of the norm of the keys"},
    {Site::k_norm_normalized, "blocks.{l}.attn.k_norm.hook_normalized", "k_norm_normalized", "pke", true,
     "Keys after that division, before the weight"},
    {Site::rot_q, "blocks.{l}.attn.hook_rot_q", "rot_q", "phe", false, "Queries after rotary positions"},
    {Site::rot_k, "blocks.{l}.attn.hook_rot_k", "rot_k", "ske", false, "Keys after rotary positions"},
    {Site::attn_scores, "blocks.{l}.attn.hook_attn_scores", "attn_scores", "hps", true, "Scaled and masked scores (-inf where masked)"},
    {Site::pattern, "blocks.{l}.attn.hook_pattern", "pattern", "hps", true, "Attention pattern: softmax of the scores over sources"},
    {Site::z, "blocks.{l}.attn.hook_z", "z", "phe", false, "Values mixed by the pattern, per head"},
    {Site::result, "blocks.{l}.attn.hook_result", "result", "phm", true, "What each head writes to the stream, without the output bias"},
    {Site::ln1_post_scale, "blocks.{l}.ln1_post.hook_scale", "ln1_post_scale", "p1", true, "Divisor of the norm after attention"},
    {Site::ln1_post_normalized, "blocks.{l}.ln1_post.hook_normalized", "ln1_post_normalized", "pm", true,
     "Attention's output after that division, before weight and bias"},
    {Site::attn_out, "blocks.{l}.hook_attn_out", "attn_out", "pm", false, "What attention adds to the stream"},
    {Site::resid_mid, "blocks.{l}.hook_resid_mid", "resid_mid", "pm", false, "Residual stream between attention and MLP"},
    {Site::mlp_in, "blocks.{l}.hook_mlp_in", "mlp_in", "pm", false, "Residual stream as the MLP reads it, before the norm"},
    {Site::ln2_scale, "blocks.{l}.ln2.hook_scale", "ln2_scale", "p1", true, "Divisor of the norm before the MLP"},
    {Site::ln2_normalized, "blocks.{l}.ln2.hook_normalized", "ln2_normalized", "pm", true,
     "Stream after that division, before weight and bias"},
    {Site::mlp_pre, "blocks.{l}.mlp.hook_pre", "pre", "pf", false, "Neurons before the activation function (gated: the gate)"},
    {Site::mlp_pre_linear, "blocks.{l}.mlp.hook_pre_linear", "pre_linear", "pf", false, "Gated MLP: the linear branch"},
    {Site::mlp_post, "blocks.{l}.mlp.hook_post", "post", "pf", false,
     "Neurons after the activation function (gated: times the linear branch)"},
    {Site::ln2_post_scale, "blocks.{l}.ln2_post.hook_scale", "ln2_post_scale", "p1", true, "Divisor of the norm after the MLP"},
    {Site::ln2_post_normalized, "blocks.{l}.ln2_post.hook_normalized", "ln2_post_normalized", "pm", true,
     "The MLP's output after that division, before weight and bias"},
    {Site::mlp_out, "blocks.{l}.hook_mlp_out", "mlp_out", "pm", false, "What the MLP adds to the stream"},
    {Site::resid_post, "blocks.{l}.hook_resid_post", "resid_post", "pm", false, "Residual stream leaving the layer"},
    {Site::ln_final_scale, "ln_final.hook_scale", "ln_final_scale", "p1", true, "Divisor of the final norm"},
    {Site::ln_final_normalized, "ln_final.hook_normalized", "ln_final_normalized", "pm", true,
     "Stream after that division, before weight and bias"},
    {Site::unembed_in, "unembed.hook_in", "unembed_in", "pm", false, "What the unembedding reads"},
    {Site::unembed_out, "unembed.hook_out", "unembed_out", "pv", false, "Logits (before their cap, where there is one)"},
}};

constexpr const SiteInfo& info(Site site) {
    return site_table[static_cast<std::size_t>(site)];
}
static_assert([] {
    for (std::size_t i = 0; i < site_table.size(); ++i)
        if (static_cast<std::size_t>(site_table[i].site) != i) return false;
    return true;
}());

/// A site in a layer; layer -1 for the sites that exist once a model.
struct SiteRef {
    Site site;
    int layer = -1;
    bool operator==(const SiteRef&) const = default;
};

bool per_layer(Site site);
/// "blocks.3.attn.hook_z"
std::string hook_name(SiteRef ref);
/// Inverse of hook_name; also takes "L3.z" and "L3.attn_out". An Error suggests near names.
SiteRef parse_hook(std::string_view name);
Site parse_site(std::string_view name);  // "z", "resid_pre"

/// Does `name` match `pattern`, where * stands for any run of characters and ? for one?
bool glob_match(std::string_view pattern, std::string_view name);

/// "L3.H1.z" (head -1 where no head is named), or a hook name.
struct Target {
    SiteRef ref;
    int head = -1;
};
Target parse_target(std::string_view text);

}  // namespace microtome
