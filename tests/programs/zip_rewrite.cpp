// zip_rewrite IN OUT    checks every record of IN and writes it again, in the same order under the same root
// zip_rewrite IN        the same, but compares what would be written with IN, byte for byte, instead of writing it
//
// A file that torch.save wrote comes out as it went in: the proof that zip_writer has torch's layout.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/container/zip_writer.hpp>

namespace {

class comparing_sink final : public tarc::sink {
public:
    explicit comparing_sink(tarc::source& expected) : expected_(expected) {}

    void write(std::span<const std::byte> bytes) override {
        bytes_.resize(bytes.size());
        expected_.read(position_, bytes_);
        const auto [mine, theirs] = std::mismatch(bytes.begin(), bytes.end(), bytes_.begin());
        if (mine != bytes.end()) {
            tarc::error e(tarc::errc::mismatch, "the rewritten file differs");
            throw e.at_offset(position_ + static_cast<std::uint64_t>(mine - bytes.begin()));
        }
        position_ += bytes.size();
    }

    [[nodiscard]] std::uint64_t position() const { return position_; }

private:
    tarc::source& expected_;
    std::vector<std::byte> bytes_;
    std::uint64_t position_ = 0;
};

std::uint32_t alignment_of(const tarc::zip_reader& in) {
    const tarc::record* r = in.find(".storage_alignment");
    if (!r) return 64;
    std::uint32_t alignment = 0;
    for (const std::byte digit : in.read(*r)) {
        alignment = 10 * alignment + (std::to_integer<std::uint32_t>(digit) - '0');
    }
    return alignment;
}

void rewrite(const tarc::zip_reader& in, tarc::sink& out) {
    tarc::zip_writer writer(out, std::string(in.root()), alignment_of(in));
    std::vector<std::byte> piece;
    for (const tarc::record& r : in.records()) {
        if (r.method != 0) {
            writer.add(r.name, in.read(r));
            continue;
        }
        writer.begin(r.name, r.size);
        for (std::uint64_t done = 0; done < r.size; done += piece.size()) {
            piece.resize(std::min<std::uint64_t>(r.size - done, std::uint64_t{1} << 22));
            in.read_into(r, done, piece);
            writer.append(piece);
        }
        writer.end();
    }
    writer.finish();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 && argc != 3) {
        std::fputs("usage: zip_rewrite IN [OUT]\n", stderr);
        return 2;
    }
    try {
        const auto file = std::make_shared<tarc::file_source>(argv[1]);
        const tarc::zip_reader in(file);
        in.check_all();
        if (argc == 3) {
            for (const tarc::record& r : in.records()) in.verify(r);
            tarc::file_sink out(argv[2]);
            rewrite(in, out);
            out.commit();
        } else {
            comparing_sink out(*file);
            rewrite(in, out);
            if (out.position() != file->size()) {
                tarc::detail::raise(tarc::errc::mismatch, "the rewritten file is shorter");
            }
        }
        std::printf("%zu records\n", in.records().size());
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "zip_rewrite: %s\n", e.what());
        return 1;
    }
}
