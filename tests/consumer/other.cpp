#include <tarc/tarc.hpp>

#include <cstddef>
#include <string>

#include "run.hpp"

std::size_t count_entries(const std::string& path);
run load_elsewhere(const std::string& path);

std::size_t count_entries(const std::string& path) { return tarc::open(path).entries().size(); }

run load_elsewhere(const std::string& path) { return tarc::load<run>(path, "cpu"); }
