// pickle_dump FILE...: one line of JSON for each pickle: its value as tarc reads it, or {"error": code, "message":
// text}. Texts are in hexadecimal, so that every one can be compared.

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_reader.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using namespace tarc::detail;
using tarc::value_kind;

std::string hex(std::string_view s) {
    std::string out = "\"";
    for (const char c : s) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        out += two;
    }
    return out + '"';
}

std::string real(double d) {
    char text[64];
    std::snprintf(text, sizeof text, "\"%a\"", d);
    return text;
}

std::string numbers(std::span<const std::int64_t> s) {
    std::string out = "[";
    for (const std::int64_t i : s) out += (out.size() > 1 ? "," : "") + std::to_string(i);
    return out + "]";
}

std::string json(const node* n, int depth);

std::string items(const list_body& l, int depth) {
    std::string out = "[";
    for (const node* i : l) out += (out.size() > 1 ? "," : "") + json(i, depth);
    return out + "]";
}

std::string pairs(const dict_body& d, int depth) {
    std::string out = "[";
    for (const auto& [k, v] : d) out += (out.size() > 1 ? ",[" : "[") + json(k, depth) + "," + json(v, depth) + "]";
    return out + "]";
}

std::string storage(const storage_body& s) {
    return "{\"key\":" + hex(s.key) + ",\"location\":" + hex(s.location) + ",\"nbytes\":" + std::to_string(s.nbytes) +
           ",\"live\":" +
           hex(s.live.defined() ? std::string_view(static_cast<const char*>(s.live.data()), s.live.nbytes()) : "") +
           ",\"class\":\"" + (s.type ? std::string(tarc::to_string(*s.type)) : "untyped") + "\"}";
}

// Depth is cut: a tree may be a cycle.
std::string json(const node* n, int depth = 0) {
    if (n == nullptr) return "null";
    if (++depth > 60) return "\"...\"";
    switch (n->kind) {
        case value_kind::none: return "[\"none\"]";
        case value_kind::boolean: return n->boolean ? "[\"bool\",true]" : "[\"bool\",false]";
        case value_kind::integer:
            return n->big ? "[\"big\"," + hex(n->str()) + "]" : "[\"int\",\"" + std::to_string(n->integer) + "\"]";
        case value_kind::real: return "[\"float\"," + real(n->real) + "]";
        case value_kind::complex: return "[\"complex\"," + real(n->complex[0]) + "," + real(n->complex[1]) + "]";
        case value_kind::string: return "[\"str\"," + hex(n->str()) + "]";
        case value_kind::bytes:
            return std::string("[\"") + (n->mutable_ ? "bytearray" : "bytes") + "\"," + hex(n->str()) + "]";
        case value_kind::list: return "[\"list\"," + items(*n->list, depth) + "]";
        case value_kind::tuple:
            return std::string("[\"") + (n->named ? "size" : "tuple") + "\"," + items(*n->list, depth) + "]";
        case value_kind::set:
            return std::string("[\"") + (n->mutable_ ? "set" : "frozenset") + "\"," + items(*n->list, depth) + "]";
        case value_kind::dict: {
            const char* name[] = {"dict", "ordered", "counter", "defaultdict"};
            return std::string("[\"") + name[static_cast<int>(n->dict->cls)] + "\"," + pairs(*n->dict, depth) +
                   (n->dict->state != nullptr ? "," + json(n->dict->state, depth) : "") + "]";
        }
        case value_kind::tensor: {
            const tensor_body& t = *n->tensor;
            return "[\"tensor\",{\"dtype\":\"" + std::string(tarc::to_string(t.type)) +
                   "\",\"shape\":" + numbers(t.shape) + ",\"stride\":" + numbers(t.strides) +
                   ",\"offset\":" + std::to_string(t.offset) +
                   ",\"requires_grad\":" + (t.requires_grad ? "true" : "false") +
                   ",\"parameter\":" + (t.parameter ? "true" : "false") + ",\"conj\":" + (t.conj ? "true" : "false") +
                   ",\"neg\":" + (t.neg ? "true" : "false") +
                   ",\"storage\":" + (t.storage != nullptr ? storage(*t.storage) : "null") +
                   ",\"attributes\":" + json(t.attributes, depth) + "}]";
        }
        case value_kind::storage: return "[\"storage\"," + storage(*n->storage) + "]";
        case value_kind::global: return "[\"global\"," + hex(n->global->module) + "," + hex(n->global->name) + "]";
        case value_kind::object:
            if (const auto text = text_of(*n)) return "[\"constant\"," + hex(*text) + "]";
            return "[\"object\",{\"class\":" + json(n->object->cls, depth) +
                   ",\"args\":" + json(n->object->args, depth) + ",\"state\":" + json(n->object->state, depth) +
                   ",\"items\":" + (n->object->items != nullptr ? items(*n->object->items->list, depth) : "null") +
                   ",\"pairs\":" + (n->object->pairs != nullptr ? pairs(*n->object->pairs->dict, depth) : "null") +
                   "}]";
    }
    std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
        tree t;
        try {
            const node* root = read_pickle(std::as_bytes(std::span(bytes)), t, tarc::limits{});
            std::printf("%s\n", json(root).c_str());
        } catch (const tarc::error& e) {
            std::printf("{\"error\":%d,\"message\":%s}\n", static_cast<int>(e.code()), hex(e.what()).c_str());
        }
    }
}
