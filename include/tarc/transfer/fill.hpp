#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <exception>  // std::exception_ptr
#include <memory>     // std::unique_ptr
#include <span>
#include <string_view>

#include <tarc/format/opened_file.hpp>
#include <tarc/progress.hpp>
#include <tarc/transfer/fill_host.hpp>
#include <tarc/transfer/fill_job.hpp>
#include <tarc/transfer/fill_lane.hpp>
#include <tarc/transfer/ring.hpp>
#include <tarc/transfer/staging.hpp>
#include <tarc/util/team.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// How a load goes about its bytes.
struct fill_options {
    bool verify = true;
    std::size_t threads = 0;  ///< at most; 0: as many as the library finds useful
    const tarc::staging& staging;
    progress_meter* meter = nullptr;  ///< counts the bytes of storages; null: nobody listens
};

/// Brings storages of a file into memory, each byte read and checked once: straight to where the host can write,
/// through a ring of staging slots to devices, all devices at once while the host reads. `jobs` are in file order.
/// `wrote` becomes true when memory that was there before may have changed. Errors name the field.
inline void fill(const opened_file& file, std::span<fill_job> jobs, const fill_options& o, bool& wrote) {
    check_staging(o.staging);
    vec<std::unique_ptr<fill_lane>> lanes;
    fill_host host(file, jobs, o.verify);
    const auto for_job = [&](std::size_t i, auto&& step) {
        try {
            step();
        } catch (error& e) {
            e.at_field(jobs[i].field);
            throw;
        }
    };
    for (std::size_t i = 0; i < jobs.size(); ++i)
        for_job(i, [&] {
            fill_job& job = jobs[i];
            if (job.memory) job.on = job.memory->device();
            if (job.from->nbytes == 0 || host_accessible(job.on)) return host.add(i);
            std::size_t l = 0;
            while (l < lanes.size() && lanes[l]->on() != job.on) ++l;
            if (l == lanes.size()) lanes.push_back(std::make_unique<fill_lane>(job.on, jobs));
            lanes[l]->add(i);
        });
    for (const auto& lane : lanes) for_job(lane->first(), [&] { lane->start(o.staging); });
    host.start();

    std::uint64_t told = 0;
    const auto tell = [&] {
        if (o.meter == nullptr) return;
        std::uint64_t moved = host.moved();
        const fill_job* last = host.last_begun();
        for (const auto& lane : lanes) {
            moved += lane->moved();
            if (last == nullptr) last = lane->last_begun();
        }
        std::string_view name;
        if (last != nullptr) {
            const record* r = file.record_of(*last->from);
            name = r != nullptr ? r->name : last->field;
        }
        o.meter->add(moved - told, name);
        told = moved;
    };
    const auto help = [&] {
        vec<std::byte> scratch;
        while (host.step(scratch)) {
        }
    };
    const auto work = [&] {
        vec<std::byte> scratch;
        for (patience wait;; tell()) {
            bool left = false, moved = false;
            for (const auto& lane : lanes) {
                if (lane->done()) continue;
                left = true;
                moved |= lane->step(file, o.verify, wrote);
            }
            if (moved) {
                wait.reset();
            } else if (!host.step(scratch)) {  // what waits for no device
                if (!left) return;
                wait.nap();
            }
        }
    };
    // a thread takes 20 us to begin, in which another one reads a few hundred KiB
    constexpr std::uint64_t worth_a_thread = std::uint64_t{4} << 20;
    const std::size_t most = std::min<std::uint64_t>(host.bytes() / worth_a_thread + 1, host.pieces());
    const std::size_t threads = most < 2 ? 1 : std::min(o.threads == 0 ? usual_threads() : o.threads, most);
    std::exception_ptr fault;
    {
        const team others(threads < 2 ? 0 : threads - 1, help);
        try {
            work();
        } catch (...) {
            fault = std::current_exception();
            host.stop();
        }
    }
    wrote |= host.wrote();
    if (fault) std::rethrow_exception(fault);
    host.finish();
    for (const auto& lane : lanes) lane->finish();
    tell();
}

}  // namespace tarc::detail
