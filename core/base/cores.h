// Which processor cores a process may compute on, and how many of them are its own where several processes share a computer.
#pragma once

#include <set>
#include <vector>

namespace microtome {

/// Physical cores, by the number of their first hardware thread, that a process (0: this one) may run on. Empty if that can't be known.
std::set<int> allowed_cores(int process = 0);

/// Of the cores that `mine` may use, its part among all that may use the same ones (`mine` included): at least 1.
int share_of_cores(const std::set<int>& mine, const std::vector<std::set<int>>& all);

}  // namespace microtome
