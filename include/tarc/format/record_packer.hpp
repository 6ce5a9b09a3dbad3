#pragma once

#include <algorithm>  // std::min, std::max
#include <cstddef>
#include <cstdint>
#include <exception>  // std::exception_ptr
#include <memory>     // std::unique_ptr
#include <span>
#include <string_view>
#include <utility>

#include <tarc/codec/codec.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/format/frame_table.hpp>
#include <tarc/format/manifest.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/util/monitor.hpp>
#include <tarc/util/team.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Writes compressed records: blocks of 1 MiB are encoded by several threads, and written in order by the caller, who
/// encodes too while there is nothing to write. What is written does not depend on the threads. Used by one thread at
/// a time.
class record_packer {
public:
    record_packer(zip_writer& zip, const codec& c)
        : zip_(zip), codec_(c), threads_(std::min<std::size_t>(c.threads == 0 ? usual_threads() : c.threads, 16)) {
        encoders_.push_back(c.methods->encoder(c.level));
    }

    /// A record of `size` bytes, which append() brings piece by piece; elements have `planes` bytes.
    void begin(std::string_view name, std::uint64_t size, unsigned planes) {
        zip_.begin(name, size, zip_writer::name_check::distinct, codec_.methods->zip_method);
        table_ = {};
        table_.planes = planes;
        crc_ = 0;
        left_ = size;
    }

    void append(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            if (gathered_.empty() && (bytes.size() == left_ || bytes.size() >= gather_bytes)) {
                const std::size_t n = bytes.size() == left_ ? left_ : bytes.size() / block_bytes * block_bytes;
                pack(bytes.first(n));
                left_ -= n;
                bytes = bytes.subspan(n);
                continue;
            }
            const std::size_t n = std::min<std::size_t>(bytes.size(), gather_bytes - gathered_.size());
            gathered_.append(bytes.data(), bytes.data() + n);
            left_ -= n;
            bytes = bytes.subspan(n);
            if (gathered_.size() == gather_bytes || left_ == 0) {
                pack({gathered_.data(), gathered_.size()});
                gathered_.clear();
            }
        }
    }

    /// Where the record's frames stand.
    [[nodiscard]] frame_table end() {
        zip_.end_packed(crc_);
        return std::move(table_);
    }

private:
    static constexpr std::size_t gather_bytes = std::size_t{8} << 20;  // of small pieces, so that threads have work
    static constexpr std::size_t most_slots = 8;

    /// A block on its way.
    struct slot {
        vec<std::byte> bytes;
        vec<std::uint32_t> frames;
        std::uint32_t crc = 0;
        std::uint64_t hash = 0;
        bool ready = false;
    };

    /// Whole blocks, or the rest of the record.
    void pack(std::span<const std::byte> all) {
        const std::size_t blocks = blocks_of(all.size()), threads = std::min(threads_, blocks);
        const auto block = [&](std::size_t i) {
            return all.subspan(i * block_bytes, std::min<std::size_t>(block_bytes, all.size() - i * block_bytes));
        };
        slots_.resize(std::max(slots_.size(), threads < 2 ? std::size_t{1} : std::min(threads * 2, most_slots)));
        while (encoders_.size() < threads) encoders_.push_back(codec_.methods->encoder(codec_.level));
        if (threads < 2) {
            for (std::size_t i = 0; i < blocks; ++i) {
                encode(*encoders_[0], block(i), slots_[0]);
                write(slots_[0], block(i).size());
            }
            return;
        }

        monitor turn;
        std::size_t next = 0, written = 0, helpers = 0;
        std::exception_ptr fault;
        const auto takeable = [&] { return !fault && next < blocks && next < written + slots_.size(); };
        // with the lock given up
        const auto work = [&](monitor::hold& lock, auto&& step) {
            std::exception_ptr failed;
            lock.without([&] {
                try {
                    step();
                } catch (...) {
                    failed = std::current_exception();
                }
            });
            if (failed && !fault) fault = failed;
        };
        const auto take = [&](monitor::hold& lock, chunk_encoder& encoder) {
            const std::size_t i = next++;
            slot& s = slots_[i % slots_.size()];
            work(lock, [&] { encode(encoder, block(i), s); });
            s.ready = true;
            turn.changed();
        };
        const auto help = [&] {
            monitor::hold lock(turn);
            chunk_encoder& encoder = *encoders_[++helpers];
            for (;;) {
                lock.wait_until([&] { return takeable() || fault || next == blocks; });
                if (!takeable()) return;
                take(lock, encoder);
            }
        };
        {
            const team others(threads - 1, help);
            monitor::hold lock(turn);
            while (!fault && written < blocks) {
                slot& s = slots_[written % slots_.size()];
                lock.wait_until([&] { return s.ready || takeable() || fault; });
                if (s.ready) {
                    work(lock, [&] { write(s, block(written).size()); });
                    s.ready = false;
                    ++written;
                    turn.changed();
                } else if (takeable()) {
                    take(lock, *encoders_[0]);
                }
            }
        }
        for (slot& s : slots_) s.ready = false;
        if (fault) std::rethrow_exception(fault);
    }

    void encode(chunk_encoder& encoder, std::span<const std::byte> block, slot& s) const {
        s.bytes.clear();
        s.frames.clear();
        s.bytes.reserve(block.size() + block.size() / 64 + 4096);
        s.hash = xxh3(block);
        encoded_chunk to{s.bytes, s.frames};
        for (; !block.empty(); block = block.subspan(std::min<std::size_t>(table_.chunk, block.size())))
            encoder.encode(block.first(std::min<std::size_t>(table_.chunk, block.size())), table_.planes, to);
        s.crc = to.crc32;
    }

    void write(const slot& s, std::size_t block) {
        zip_.append_packed({s.bytes.data(), s.bytes.size()}, s.hash);
        table_.frames.append(s.frames.begin(), s.frames.end());
        crc_ = crc32_combine(crc_, s.crc, block);
    }

    zip_writer& zip_;
    const codec& codec_;
    std::size_t threads_;
    vec<std::unique_ptr<chunk_encoder>> encoders_;
    vec<slot> slots_;
    vec<std::byte> gathered_;
    frame_table table_;
    std::uint32_t crc_ = 0;
    std::uint64_t left_ = 0;
};

}  // namespace tarc::detail
