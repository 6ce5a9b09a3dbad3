#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <tarc/tensor/any_tensor.hpp>

namespace bench {

/// One thing that a peer can do with a file. Only `run` is timed.
struct operation {
    std::function<void(const std::string& path)> run;
    std::function<void(const std::string& path)> prepare = [](const std::string&) {};
    /// Frees what `run` made, and says what it read.
    std::function<std::uint64_t()> finish = [] { return std::uint64_t{0}; };
};

/// A library under measurement, in one process. Operations by the name that run.py gives them.
struct peer {
    std::map<std::string, operation> operations;
    /// Brings a workload into memory, from the file that torch.save wrote.
    std::function<void(const std::string& path)> hold;
};

/// The workloads' types are those of a C++ program that uses tarc; the other peers take the same tensors as a list.
struct named_tensor {
    std::string name;
    tarc::any_tensor tensor;
};

/// Every tensor of a torch.save file, by its path.
std::vector<named_tensor> tensors_of(const std::string& path);

/// The sum of what is read, in words of eight bytes; what is left over counts by the byte.
std::uint64_t sum(const void* data, std::size_t bytes);

/// So much memory is taken and given back: what the system has free is then at hand. A virtual machine gives to its
/// host what nobody has touched for some seconds, and who comes next would pay for all the others. (raw.cpp)
void touch(std::size_t bytes);

peer tarc_peer(const std::string& workload);
peer raw_peer();
peer hdf5_peer();
peer cereal_peer();

}  // namespace bench
