#include "hooks/shared_parts.h"

#include <algorithm>
#include <map>

namespace microtome {
namespace {

Bytes packed(std::size_t number, const PartValues& part) {
    Packer packer;
    packer.add(static_cast<std::uint64_t>(number));
    packer.add(part.rows);
    packer.add(part.values);
    return packer.take();
}

// Parts that wait for those before them.
class Queue {
  public:
    explicit Queue(const std::function<void(const PartValues&)>& take) : take_(take) {}

    void put(std::size_t number, PartValues part) {
        waiting_.emplace(number, std::move(part));
        for (auto first = waiting_.begin(); first != waiting_.end() && first->first == taken_; first = waiting_.erase(first)) {
            take_(first->second);
            ++taken_;
        }
    }
    void put(const Bytes& bytes) {
        Unpacker from(bytes);
        const auto number = from.value<std::uint64_t>();
        PartValues part;
        part.rows = from.value<std::int64_t>();
        part.values = from.values<CellValue>();
        put(number, std::move(part));
    }
    std::size_t taken() const { return taken_; }

  private:
    const std::function<void(const PartValues&)>& take_;
    std::map<std::size_t, PartValues> waiting_;
    std::size_t taken_ = 0;
};

}  // namespace

bool share_parts(Ranks* ranks, std::size_t parts, const Progress& progress,
                 const std::function<std::optional<PartValues>(std::size_t)>& work, const std::function<void(const PartValues&)>& take) {
    const bool collects = !ranks || ranks->leader();
    Queue queue(take);
    for (std::size_t i = 0; i < parts; ++i) {
        if (progress.stopped()) return false;
        if (ranks && !ranks->mine(i)) continue;
        std::optional<PartValues> part = work(i);
        if (!part) return false;
        if (collects)
            queue.put(i, std::move(*part));
        else
            ranks->give(packed(i, *part));
        if (!ranks || !collects) continue;
        while (auto bytes = ranks->look(-1)) queue.put(*bytes);
    }
    while (collects && queue.taken() < parts) {
        const auto bytes = ranks->take(-1, progress.token());
        if (!bytes) return false;
        queue.put(*bytes);
    }
    return true;
}

void share_numbers(Ranks* ranks, std::vector<std::vector<double>>& numbers) {
    if (!ranks) return;
    Packer packer;
    if (ranks->leader())
        for (const auto& row : numbers) packer.add(row);
    Bytes bytes = packer.take();
    ranks->share(bytes);
    if (ranks->leader()) return;
    Unpacker from(bytes);
    for (auto& row : numbers) row = from.values<double>();
}

void share_outcome(Ranks* ranks, PatchOutcome& outcome) {
    if (!ranks) return;
    share_numbers(ranks, outcome.values);
    Packer packer;
    packer.add(outcome.forward_rows);
    packer.add(outcome.chunks);
    Bytes bytes = packer.take();
    ranks->share(bytes);
    Unpacker from(bytes);
    outcome.forward_rows = from.value<std::int64_t>();
    outcome.chunks = from.value<std::int64_t>();
}

void share_cells(Ranks* ranks, PatchOutcome& outcome, std::size_t step, std::string_view unit, Progress& progress,
                 const std::function<std::optional<PartValues>(std::size_t, std::size_t)>& work,
                 const std::function<void(const PatchOutcome&, std::size_t, std::size_t)>& tell) {
    const std::size_t n = outcome.values.size();
    std::size_t done = 0;
    const auto run = [&](std::size_t part) { return work(part * step, std::min((part + 1) * step, n)); };
    const auto take = [&](const PartValues& part) {
        outcome.forward_rows += part.rows;
        for (const CellValue& value : part.values) {
            std::vector<double>& pairs = outcome.values[value.cell];
            pairs.resize(outcome.base.size());
            pairs[value.pair] = value.value;
        }
        const std::size_t first = done;
        done = std::min(done + step, n);
        progress.step(static_cast<std::int64_t>(done), static_cast<std::int64_t>(n), unit);
        if (tell) tell(outcome, first, done);
    };
    if (share_parts(ranks, (n + step - 1) / step, progress, run, take)) share_outcome(ranks, outcome);
}

}  // namespace microtome
