// A checksum that grows as bytes arrive.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

struct evp_md_ctx_st;

namespace microtome {

class Digest {
  public:
    enum class Kind { sha256, sha1 };  // sha1: what git names a file by

    explicit Digest(Kind kind = Kind::sha256);
    void add(const void* data, std::size_t size);
    /// Lower-case hexadecimal; once.
    std::string text();

  private:
    std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace microtome
