// Which work runs when: the four orders.
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "world.hpp"

namespace cuda_sim {

std::shared_ptr<work> world::prepare(const std::shared_ptr<stream>& on) {
    auto item = std::make_shared<work>();
    const thread_state& me = mine();
    item->call = me.call;
    item->number = me.number;
    item->tick = ++on->issued;
    item->sequence = ++sequence_;
    item->issued = std::chrono::steady_clock::now();
    on->clock.merge(host);
    if (on->legacy) on->clock.merge(retired_[on->device].blocking);
    if (on->blocking) {
        for (const auto& other : streams) {
            const bool barrier = other != on && other->blocking && other->device == on->device;
            if (!barrier || (!on->legacy && !other->legacy)) continue;
            on->clock.merge(other->clock);
            if (!other->idle()) item->after.push_back({other, other->issued});
        }
    }
    on->clock.advance(on->id, item->tick);
    return item;
}

void world::issue(const std::shared_ptr<stream>& on, std::shared_ptr<work> item) {
    if (sticky != cudaSuccess) {
        if (item->settle) item->settle();
        return;
    }
    on->queue.push_back(std::move(item));
    if (!lazy() && !on->worker.joinable()) on->worker = std::thread([this, on] { serve(on); });
    changed_.notify_all();
}

void world::finish(guard& lock, const point& target) {
    while (!target.done()) {
        if (!step(lock, target)) changed_.wait(lock);
    }
}

void world::finish_device(guard& lock, int device) {
    std::vector<point> all;
    vector_clock known = retired_[device].all;
    for (const auto& each : streams) {
        if (each->device != device) continue;
        all.push_back({each, each->issued});
        known.merge(each->clock);
    }
    for (const point& each : all) finish(lock, each);
    host.merge(known);
}

void world::let_go(guard& lock, const block_pointer& of, const work* except) {
    const auto uses = [&](const std::shared_ptr<stream>& each) {
        const work* item = each->running.get();
        return item != nullptr && item != except &&
               std::find(item->blocks.begin(), item->blocks.end(), of) != item->blocks.end();
    };
    changed_.wait(lock, [&] { return std::none_of(streams.begin(), streams.end(), uses); });
}

void world::nudge(guard& lock, const point& target) {
    if (lazy() && !target.done()) step(lock, target);
}

// One piece of work in this thread, if the order is one where waiting threads do the work and there is one to do.
bool world::step(guard& lock, const point& target) {
    if (!lazy()) return false;
    if (settings.run == order::reversed) {
        if (const auto other = latest_ready(target.of.get())) {
            run_front(lock, *other);
            return true;
        }
    }
    const auto next = needed(target.of);
    if (!next) return false;
    run_front(lock, *next);
    return true;
}

// The stream whose next piece of work `of` needs for its own next one. Null: somebody is at it.
std::shared_ptr<stream> world::needed(const std::shared_ptr<stream>& of) const {
    if (of->running || of->queue.empty()) return nullptr;
    for (const point& before : of->queue.front()->after) {
        if (!before.done()) return needed(before.of);
    }
    return of;
}

std::shared_ptr<stream> world::latest_ready(const stream* except) const {
    std::shared_ptr<stream> best;
    for (const auto& each : streams) {
        if (each.get() == except || !each->ready()) continue;
        if (!best || each->queue.front()->sequence > best->queue.front()->sequence) best = each;
    }
    return best;
}

void world::run_front(guard& lock, stream& of) {
    const std::shared_ptr<work> item = of.queue.front();
    of.queue.pop_front();
    of.running = item;
    cudaError_t failed = cudaSuccess;
    for (const block_pointer& used : item->blocks) {
        if (!used->on_device() || !used->freed) continue;
        if (!used->late_work) misused_by(item->call, item->number, "its work ran after memory that it uses was freed");
        failed = cudaErrorIllegalAddress;
    }
    if (failed == cudaSuccess && item->can_fail && fail_work.hit()) {
        failed = is_sticky(fail_work.code) ? fail_work.code : cudaErrorLaunchFailure;
    }
    if (failed == cudaSuccess && item->run) {
        lock.unlock();
        item->run();
        lock.lock();
        take_link_time(lock, of, *item);
    }
    if (item->settle) {
        for (const block_pointer& used : item->blocks) let_go(lock, used, item.get());
        item->settle();
    }
    of.running.reset();
    if (failed != cudaSuccess) fail(failed);
    changed_.notify_all();
}

// Each transfer takes its time on the links that it uses, one after the other. Links have a time of their own, so that
// late awakenings do not add up.
void world::take_link_time(guard& lock, stream& of, const work& item) {
    if (settings.gigabytes_per_second <= 0 || settings.run != order::prompt || (item.out_of < 0 && item.into < 0))
        return;
    time_point start = std::max(item.issued, of.link_until);
    const auto link = [&](int device, std::size_t direction) -> time_point& {
        return links_[static_cast<std::size_t>(device) * 2 + direction];
    };
    if (item.out_of >= 0) start = std::max(start, link(item.out_of, 0));
    if (item.into >= 0) start = std::max(start, link(item.into, 1));
    const std::chrono::duration<double> takes(static_cast<double>(item.bytes) / (settings.gigabytes_per_second * 1e9));
    // A thread that wakes up late costs the link nothing, but it does not catch up with more than that.
    const time_point end = std::max(start + std::chrono::duration_cast<std::chrono::nanoseconds>(takes),
                                    std::chrono::steady_clock::now() - std::chrono::milliseconds(5));
    of.link_until = end;
    if (item.out_of >= 0) link(item.out_of, 0) = end;
    if (item.into >= 0) link(item.into, 1) = end;
    lock.unlock();
    std::this_thread::sleep_until(end);
    lock.lock();
}

void world::serve(std::shared_ptr<stream> of) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    guard lock(mutex);
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(settings.seed * 7919 + of->id * 104729 + 1));
    for (;;) {
        changed_.wait(lock, [&] { return stopping_ || of->ready() || (of->destroyed && of->idle()); });
        if (stopping_ || !of->ready()) return;
        if (settings.run == order::random) {
            const auto draw = random();
            const std::chrono::microseconds delay(draw % 3 == 0 ? 0 : draw / 3 % 400);
            lock.unlock();
            std::this_thread::sleep_for(delay);
            lock.lock();
            if (stopping_ || !of->ready()) continue;
        }
        run_front(lock, *of);
    }
}

void world::fail(cudaError_t code) {
    if (sticky != cudaSuccess || !is_sticky(code)) return;
    sticky = code;
    for (const auto& each : streams) {
        for (const auto& dropped : std::exchange(each->queue, {})) {
            if (dropped->settle) dropped->settle();
        }
    }
    changed_.notify_all();
}

void world::stop_workers(guard& lock) {
    stopping_ = true;
    changed_.notify_all();
    std::vector<std::thread> workers;
    for (const auto& each : streams) {
        if (each->worker.joinable()) workers.push_back(std::move(each->worker));
    }
    lock.unlock();
    for (std::thread& worker : workers) worker.join();
    lock.lock();
    stopping_ = false;
}

void world::reap(guard& lock) {
    std::vector<std::thread> retired;
    std::erase_if(streams, [&](const std::shared_ptr<stream>& each) {
        if (!each->destroyed || !each->idle()) return false;
        retired_[each->device].all.merge(each->clock);
        if (each->blocking) retired_[each->device].blocking.merge(each->clock);
        if (each->worker.joinable()) retired.push_back(std::move(each->worker));
        return true;
    });
    if (retired.empty()) return;
    changed_.notify_all();
    lock.unlock();
    for (std::thread& worker : retired) worker.join();
    lock.lock();
}

}  // namespace cuda_sim
