#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include <tarc/container/pickle_keys.hpp>
#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/function_ref.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

class pickle_context;

/// What a persistent id stands for.
using persistent_ids = function_ref<node*(pickle_context&, const node& id)>;

/// Where a pickle stands, and what is peculiar to pickles there.
struct pickle_site {
    std::string_view record = "data.pkl";
    std::uint64_t begin = 0;              ///< where in the record, or in the file where `record` is empty
    bool parts = false;                   ///< a storage may be a part of another one, as before PyTorch 0.4
    const persistent_ids* ids = nullptr;  ///< where persistent ids are not ("storage", …)
    bool phrases = true;                  ///< tensors may be read at once (tensor_phrase): the values are the same
};

/// What the parts of the pickle reader share while one pickle is read.
class pickle_context {
public:
    pickle_context(tree& t, const limits& l, const pickle_site& s, std::uint64_t input_bytes)
        : into(t), limit(l), site(s), at(s.begin), keys(input_bytes), copies_(input_bytes * 16 + 65536) {}

    tree& into;
    const limits& limit;
    const pickle_site site;
    std::uint64_t at;  // offset of the instruction in hand, in the record
    key_index keys;

    [[noreturn]] void fail(std::string message, errc code = errc::bad_pickle) const {
        raise_at(code, std::move(message), site.record, at);
    }

    /// Counts values made.
    void count(std::uint64_t values = 1) {
        if (values > limit.nodes - nodes_)
            fail("more than " + std::to_string(limit.nodes) + " values (limits::nodes)", errc::limit_exceeded);
        nodes_ += values;
    }

    /// Before copying what already stands in the tree: a few bytes of pickle can ask for the same large copy again and
    /// again, which no real file does.
    void charge(std::uint64_t bytes) {
        if (bytes > copies_) fail("the pickle makes far more data than it holds", errc::limit_exceeded);
        copies_ -= bytes;
    }

    /// Appends to a dict, whose keys must differ.
    void insert(dict_body& dict, node* key, node* value) {
        if (!keys.insert(&dict, key)) fail("duplicate dict key " + describe_key(*key));
        dict.push_back(into.memory, {key, value});
    }

    /// Appends to a set, whose elements must differ.
    void add(list_body& set, node* item) {
        if (!keys.insert(&set, item)) fail("duplicate set element " + describe_key(*item));
        set.push_back(into.memory, item);
    }

private:
    std::uint64_t nodes_ = 0;
    std::uint64_t copies_;
};

}  // namespace tarc::detail
