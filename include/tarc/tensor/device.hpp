#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tarc/error.hpp>

namespace tarc {

/// The kinds of memory that tarc knows by name. Any other location of a file is kept as its text.
enum class device_type : std::uint8_t { cpu, cuda, meta };

/// Where bytes live: a type and an index, PyTorch's "cuda:1". `meta` has shapes and no bytes.
struct device {
    device_type type = device_type::cpu;
    std::int16_t index = 0;

    static constexpr device cpu() noexcept { return {}; }
    /// An index that no machine has stays one: it is -1.
    static constexpr device cuda(int i = 0) noexcept {
        return {device_type::cuda, i < 0 || i > INT16_MAX ? std::int16_t{-1} : static_cast<std::int16_t>(i)};
    }
    static constexpr device meta() noexcept { return {device_type::meta, 0}; }

    /// Parses "cpu", "cpu:0", "cuda", "cuda:3", "meta"; nothing for any other text.
    [[nodiscard]] static std::optional<device> try_parse(std::string_view text) {
        const auto colon = text.find(':');
        const std::string_view name = text.substr(0, colon);
        device d;
        if (name == "cpu")
            d.type = device_type::cpu;
        else if (name == "cuda")
            d.type = device_type::cuda;
        else if (name == "meta")
            d.type = device_type::meta;
        else
            return std::nullopt;
        if (colon == std::string_view::npos) return d;
        const std::string_view digits = text.substr(colon + 1);
        if (digits.size() > 1 && digits[0] == '0') return std::nullopt;  // as torch.device does
        const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), d.index);
        if (bad != std::errc{} || end != digits.data() + digits.size() || d.index < 0) return std::nullopt;
        if (d.type != device_type::cuda && d.index != 0) return std::nullopt;
        return d;
    }

    /// As try_parse. Errors: errc::invalid_argument for text that names no device.
    [[nodiscard]] static device parse(std::string_view text) {
        if (auto d = try_parse(text)) return *d;
        detail::raise(
            errc::invalid_argument,
            "\"" + std::string(text) + "\" names no device that tarc knows -- write \"cpu\", \"cuda:0\" or \"meta\"");
    }

    /// The tag that torch.save writes for this device: "cpu", "cuda:0", "meta".
    [[nodiscard]] std::string location() const {
        switch (type) {
            case device_type::cuda: return "cuda:" + std::to_string(index);
            case device_type::meta: return "meta";
            case device_type::cpu: break;
        }
        return "cpu";
    }

    friend constexpr bool operator==(device, device) = default;
};

}  // namespace tarc
