#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tree.hpp>
#include <tarc/value/walk.hpp>

namespace tarc::detail {

/// What the code of a TorchScript archive says of its classes: which are modules, and which of their attributes are
/// parameters and buffers. The code is read class by class as it is printed (torch/csrc/jit/serialization/
/// python_print.cpp); none of it is compiled or run.
class script_classes {
public:
    struct facts {
        bool is_module = false;
        vec<std::string> parameters, buffers;
        vec<std::string> tensors;  // declared as Tensor, and not as Optional[Tensor], say

        /// slot policies of torch/csrc/jit/api/module.h
        [[nodiscard]] bool is_parameter(std::string_view name) const { return has(parameters, name); }
        [[nodiscard]] bool is_buffer(std::string_view name) const { return has(buffers, name) && has(tensors, name); }

    private:
        static bool has(const vec<std::string>& names, std::string_view name) {
            for (const std::string& n : names)
                if (n == name) return true;
            return false;
        }
    };

    explicit script_classes(const zip_reader& zip) : zip_(zip) {}

    /// Of the class that a pickle names; null for one without code.
    [[nodiscard]] const facts* find(const global_body& cls) {
        std::string file = "code/" + std::string(cls.module);
        for (char& c : file)
            if (c == '.') c = '/';
        file += ".py";
        if (files_.find(file) == files_.none) {
            files_.add(texts_.copy(file));
            if (const record* r = zip_.find(file)) read(*r, cls.module);
        }
        const std::size_t known = names_.find(full_name(cls.module, cls.name));
        return known == names_.none ? nullptr : &classes_[known];
    }

private:
    static std::string full_name(std::string_view module, std::string_view name) {
        return std::string(module) + "." + std::string(name);
    }

    void read(const record& r, std::string_view module) {
        const std::vector<std::byte> bytes = zip_.read(r);
        std::string_view code(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        facts* in = nullptr;
        while (!code.empty()) {
            const std::string_view line = code.substr(0, code.find('\n'));
            code.remove_prefix(line.size() == code.size() ? line.size() : line.size() + 1);
            if (line.starts_with("class ")) {
                const std::string_view head = line.substr(6);
                const std::size_t end = head.find('(');
                const std::string name = full_name(module, head.substr(0, end));
                if (names_.find(name) != names_.none) return;  // no class stands twice
                names_.add(texts_.copy(name));
                classes_.push_back({});
                in = &classes_.back();
                in->is_module = end != std::string_view::npos && head.substr(end) == "(Module):";
            } else if (in != nullptr && line.starts_with("  ") && !line.starts_with("   ")) {
                statement(line.substr(2), *in);
            }
        }
    }

    /// `__parameters__ = ["weight", ]`, `weight : Tensor`, `__annotations__["0"] = Tensor`; all else is of no concern.
    static void statement(std::string_view s, facts& in) {
        constexpr std::string_view parameters = "__parameters__ = [", buffers = "__buffers__ = [",
                                   annotations = "__annotations__[", of_tensor = " : Tensor", as_tensor = "] = Tensor";
        if (s.starts_with(parameters)) {
            in.parameters = names(s.substr(parameters.size()));
        } else if (s.starts_with(buffers)) {
            in.buffers = names(s.substr(buffers.size()));
        } else if (s.starts_with(annotations) && s.ends_with(as_tensor)) {
            for (std::string& name : names(s.substr(annotations.size()))) in.tensors.push_back(std::move(name));
        } else if (s.ends_with(of_tensor)) {
            in.tensors.push_back(std::string(s.substr(0, s.size() - of_tensor.size())));
        }
    }

    /// Quoted names up to the end of a list.
    static vec<std::string> names(std::string_view s) {
        vec<std::string> found;
        while (s.starts_with("\"")) {
            std::size_t end = 1;
            while (end < s.size() && s[end] != '"') end += s[end] == '\\' ? 2 : 1;
            if (end >= s.size()) break;
            if (auto name = decode_python_repr(s.substr(0, end + 1))) found.push_back(*std::move(name));
            s.remove_prefix(end + 1);
            while (s.starts_with(",") || s.starts_with(" ")) s.remove_prefix(1);
        }
        return found;
    }

    const zip_reader& zip_;
    arena texts_;
    text_set files_, names_;
    vec<facts> classes_;  // by number of the name
};

/// Tells the state_dict of a TorchScript archive from what stands beside it: of each module, the parameters come first,
/// then buffers, then modules, as in the `state_dict()` of what torch.jit.load makes of the archive, and like there
/// their tensors do not require a gradient; all other attributes follow.
class script_modules {
public:
    script_modules(const zip_reader& zip, const limits& limit) : classes_(zip), limit_(limit) {}

    void sort(node& root) {
        address_set seen;
        walk(root, limit_, [&](std::span<const step>, const node& n) {
            if (!seen.add(&n).fresh) return false;
            if (n.kind == value_kind::object) sort(*n.object);
            return true;
        });
    }

private:
    enum part : std::uint8_t { parameter, buffer, module, attribute };

    const script_classes::facts* class_of(const object_body& o) {
        return o.cls != nullptr && o.cls->kind == value_kind::global ? classes_.find(*o.cls->global) : nullptr;
    }

    part part_of(const script_classes::facts& cls, const entry& e) {
        if (e.key->kind != value_kind::string) return attribute;
        const bool tensor = e.value->kind == value_kind::tensor || is_structured_tensor(*e.value);
        if (tensor && cls.is_parameter(e.key->str())) return parameter;
        if (tensor && cls.is_buffer(e.key->str())) return buffer;
        const script_classes::facts* inner = e.value->kind == value_kind::object ? class_of(*e.value->object) : nullptr;
        return inner != nullptr && inner->is_module ? module : attribute;
    }

    void sort(object_body& o) {
        const script_classes::facts* cls = class_of(o);
        if (cls == nullptr) return;
        o.stated = 0;
        if (!cls->is_module || o.state == nullptr || o.state->kind != value_kind::dict) return;
        dict_body& state = *o.state->dict;
        vec<entry> parts[attribute + 1];
        for (const entry& e : state) {
            const part p = part_of(*cls, e);
            if (p < module && e.value->kind == value_kind::tensor) e.value->tensor->requires_grad = false;
            parts[p].push_back(e);
        }
        std::size_t at = 0;
        for (const vec<entry>& p : parts) {
            for (const entry& e : p) state[at++] = e;
            if (&p == &parts[module]) o.stated = at;
        }
    }

    script_classes classes_;
    limits limit_;
};

}  // namespace tarc::detail
