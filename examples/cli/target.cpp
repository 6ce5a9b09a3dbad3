#include "target.hpp"

#include <cstddef>
#include <span>
#include <string_view>

#include <tarc/archive/console_progress.hpp>
#include <tarc/error.hpp>
#include <tarc/format/file_slices.hpp>
#include <tarc/format/write_file.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/value/value.hpp>

#include "interrupt.hpp"

namespace cli {

namespace detail = tarc::detail;

tarc::file_format target_of(const arguments& a, std::string_view out) {
    const std::string* to = a.find("--to");
    if (to == nullptr) return detail::format_of_path(out).value_or(tarc::file_format::torch);
    return *to == "safetensors" ? tarc::file_format::safetensors
           : *to == "npz"       ? tarc::file_format::npz
                                : tarc::file_format::torch;
}

void write_part(const checkpoint& from, tree_part what, tarc::file_format format, const std::string& out,
                std::string_view command, const tarc::codec& codec) {
    detail::torch_zip_options options;
    options.codec = codec;
    if (what.all && from.content.facts()) options.schema = from.content.facts()->schema;
    if (what.all) options.user = from.content.metadata().get();
    // transformers opens no safetensors file that does not say whose tensors these are
    const tarc::value of_torch = tarc::value::dict({{"format", "pt"}});
    if (format == tarc::file_format::safetensors && options.user == nullptr &&
        from.content.format() != tarc::file_format::safetensors)
        options.user = of_torch.get();
    detail::file_slices slices(from.content, from.limits);
    const tarc::progress_callback bar = tarc::console_progress(command);
    detail::progress_meter meter(bar);
    delay_interrupts();
    tarc::file_sink sink(out);
    detail::write_file(
        *what.root, sink, format, from.limits, options,
        [&](std::span<const detail::storage_slice> all, std::size_t i, detail::take_bytes append) {
            const detail::storage_body& s = *all[i].storage;
            if (s.live.defined() && s.live.device().type == tarc::device_type::meta)
                detail::raise(
                    tarc::errc::unsupported,
                    "storage \"" + std::string(s.key) + "\" is of the device \"meta\": its bytes are not in this file");
            slices(all, i, append);
        },
        &meter);
    from.file->check_unchanged();
    check_interrupt();
    sink.commit();
}

}  // namespace cli
