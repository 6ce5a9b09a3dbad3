#include <string>
#include <string_view>

#include <tarc/archive/python_repr.hpp>
#include <tarc/value/tensor_of.hpp>

#include "json.hpp"
#include "listing.hpp"

namespace cli {

std::string_view kind_text(tarc::value_kind k) {
    return k == tarc::value_kind::none ? std::string_view("none") : tarc::detail::kind_name(k);
}

void append_json_path(std::string& out, const std::vector<tarc::key>& path) {
    out += '[';
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (i != 0) out += ", ";
        const tarc::key& k = path[i];
        if (k.is_name())
            json::append_string(out, k.name());
        else if (k.is_bool())
            out += k == tarc::key(true) ? "true" : "false";
        else
            out += k.text();
    }
    out += ']';
}

void append_json_value(std::string& out, const tarc::entry& e, tarc::detail::python_repr& repr) {
    const tarc::detail::node& n = *e.value.get();
    switch (e.kind) {
        case tarc::value_kind::list:
        case tarc::value_kind::tuple:
        case tarc::value_kind::set:
        case tarc::value_kind::dict: out += "null"; return;
        default: break;
    }
    switch (n.kind) {
        case tarc::value_kind::boolean: out += n.boolean ? "true" : "false"; return;
        case tarc::value_kind::integer:
            if (n.big)
                out.append("\"").append(repr.digits(n)).append("\"");
            else
                out += std::to_string(n.integer);
            return;
        case tarc::value_kind::real: return json::append_real(out, n.real);
        case tarc::value_kind::complex:
            out += '[';
            json::append_real(out, n.complex[0]);
            out += ", ";
            json::append_real(out, n.complex[1]);
            out += ']';
            return;
        case tarc::value_kind::string: return json::append_string(out, n.str());
        case tarc::value_kind::bytes: return json::append_hex_bytes(out, n.str());
        case tarc::value_kind::global:
        case tarc::value_kind::object: return json::append_string(out, e.text);
        default: out += "null"; return;  // None
    }
}

namespace {

void append_tensor(std::string& out, const tarc::entry& e, const crc_lookup& crc) {
    out.append(", \"dtype\": \"").append(to_string(e.dtype)).append("\", \"shape\": ");
    json::append_integers(out, e.shape);
    out += ", \"stride\": ";
    json::append_integers(out, e.strides);
    out.append(", \"offset\": ").append(std::to_string(e.offset)).append(", \"location\": ");
    json::append_string(out, e.location);
    out.append(", \"requires_grad\": ").append(e.requires_grad ? "true" : "false");
    out.append(", \"storage\": ").append(std::to_string(e.storage));
    if (crc) out.append(", \"crc32\": ").append(std::to_string(crc(e)));
}

}  // namespace

void print_json(output& out, const each_entry& each, const crc_lookup& crc) {
    tarc::detail::python_repr repr(UINT64_MAX);
    const char* separator = "{\"entries\": [\n";
    each(
        [&](const tarc::entry& e) {
            out.text.append(separator).append("{\"path\": ");
            append_json_path(out.text, e.path);
            const bool beside = e.is_tensor() && e.attribute;  // it is no tensor of the state_dict
            out.text.append(", \"kind\": \"").append(beside ? "object" : kind_text(e.kind)).append("\"");
            if (beside) out.text += ", \"value\": \"torch.Tensor\"";
            if (e.is_tensor()) {
                append_tensor(out.text, e, crc);
            } else {
                out.text += ", \"value\": ";
                append_json_value(out.text, e, repr);
            }
            out.text += '}';
            separator = ",\n";
            out.step();
        },
        [](const std::vector<tarc::key>&, const tarc::detail::node&) {});
    out.text += "\n]}\n";
}

}  // namespace cli
