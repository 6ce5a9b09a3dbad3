#pragma once

#include <atomic>
#include <cstdint>
#include <exception>  // std::exception_ptr
#include <optional>
#include <string>
#include <utility>

#include <tarc/archive/save.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/transfer/snapshot.hpp>

namespace tarc::detail {

/// A save under way.
struct save_job {
    enum class state : std::uint8_t { open, committing, cancelled };

    /// Errors: those of the value and the options.
    save_job(const type_facts& t, std::int64_t version, const void* object, std::string to, const save_options& o)
        : path(absolute_path(std::move(to))) {
        try {
            save.emplace(t, version, object, path, o);
        } catch (error& e) {
            e.in_archive(path);
            throw;
        }
        bytes.emplace(save->slices());
    }

    /// Errors: errc::cancelled, from when on nothing more is to be done.
    void require_wanted() const {
        if (at == state::cancelled) raise(errc::cancelled, "pending_save::cancel() ended this save");
    }
    void begin_commit() {
        state expected = state::open;
        if (!at.compare_exchange_strong(expected, state::committing)) require_wanted();
    }

    std::string path;                   // the caller's
    std::string target;                 // what it meant at the call
    std::optional<prepared_save> save;  // until it has ended
    std::optional<snapshot> bytes;
    storage block;  // for the snapshot
    std::atomic<state> at = state::open;
    std::atomic<bool> staged = false, ended = false;
    std::exception_ptr fault;
    bool matters = true;  // whether the fault is one that somebody must hear of
};

}  // namespace tarc::detail
