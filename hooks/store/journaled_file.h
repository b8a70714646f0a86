// A file whose changes become visible all at once: after a kill it is what it was at the last `commit`.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace microtome {

/// HDF5 rewrites its index in several steps; killed between two, the file would be lost. So changes to what the last commit can see wait in
/// memory, `commit` writes them to FILE.journal, then into the file, then removes the journal. Opening replays a journal that is whole.
/// Only files named *.part are journaled; others are written as they come. Every failure is an Error with the system's reason.
class JournaledFile {
  public:
    enum class Access { read, write, create, create_new };
    JournaledFile(std::filesystem::path path, Access access);
    ~JournaledFile();
    JournaledFile(const JournaledFile&) = delete;
    JournaledFile& operator=(const JournaledFile&) = delete;

    /// Bytes beyond the end read as zeros.
    void read(std::uint64_t address, std::size_t size, std::byte* out);
    /// `plain`: bytes that no committed state needs (rows after the last that counts): written at once.
    void write(std::uint64_t address, std::size_t size, const std::byte* bytes, bool plain);
    /// Makes everything written since the last commit count; the file is then `end` bytes long.
    void commit(std::uint64_t end);
    /// Nothing more reaches the disk: writes stay in memory, and commits do nothing. After a write or commit that failed it is so at once,
    /// but each further commit fails too, for the same reason, until `abandon` says that this is known.
    void abandon() {
        abandoned_ = true;
        failure_.clear();
    }
    /// Plain writes wait as the others do, for as long as it is on.
    void set_careful(bool careful) { careful_ = careful; }

    /// An Error if another program has it open for writing (or, `exclusive`, at all).
    void lock(bool exclusive);
    void unlock();
    std::uint64_t size() const { return size_; }
    /// Whether both are the same file.
    bool operator==(const JournaledFile& other) const { return device_ == other.device_ && inode_ == other.inode_; }

    static std::filesystem::path journal_of(std::filesystem::path path) { return path += ".journal"; }

  private:
    template <class F>
    void keep_failure(F&& action);
    void store(std::uint64_t address, std::size_t size, const std::byte* bytes, bool plain);
    void defer(std::uint64_t address, std::size_t size, const std::byte* bytes);
    bool waits(std::uint64_t address, std::size_t size) const;
    void write_now(std::uint64_t address, std::size_t size, const std::byte* bytes);
    void resize(std::uint64_t size);
    void write_journal(std::uint64_t end) const;
    void apply(std::uint64_t end);
    void recover();

    std::filesystem::path path_;
    int descriptor_ = -1;
    dev_t device_ = 0;
    ino_t inode_ = 0;
    std::uint64_t size_ = 0, committed_ = 0;  // bytes on disk; the part of them that the last commit can see
    std::string failure_;
    std::map<std::uint64_t, std::vector<std::byte>> waiting_;  // by address; they neither overlap nor touch the disk yet
    bool journaled_ = false, writable_ = false, recovered_ = false, abandoned_ = false, careful_ = false;
};

}  // namespace microtome
