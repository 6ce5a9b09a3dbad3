#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/archive/path_filter.hpp>
#include <tarc/archive/report.hpp>
#include <tarc/error.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/walk.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "state_dicts.hpp"
#include "target.hpp"

namespace cli {
namespace {

namespace detail = tarc::detail;

/// A tree of what some globs cover. What is covered is taken as it is; the containers above it become dicts that hold
/// no more than that, so that each part keeps its path: what is left of a list has the indices that it had.
class selection {
public:
    selection(const checkpoint& c, const std::vector<std::string>& globs)
        : tree_(*c.content.values()), globs_(globs), filter_(globs, none_), limits_(c.limits) {
        const std::uint64_t memory = tree_.memory.capacity();
        limits_.nodes = std::min<std::uint64_t>(limits_.nodes, (std::uint64_t{1} << 18) + memory / 8);
        room_ = ((std::uint64_t{256} << 20) + memory * 16) / globs.size();
    }

    /// The root of the tree, or null where nothing is covered.
    [[nodiscard]] detail::node* run() {
        if (tree_.root == nullptr) return nullptr;
        detail::walk(*tree_.root, limits_, [&](std::span<const detail::step> path, const detail::node& n) {
            while (levels_.size() > path.size()) levels_.pop_back();
            if (path.empty()) {
                const bool whole = selects_root(n);
                levels_.push_back({&n, {}, 0, whole ? mine(n) : nullptr});
                if (whole) taken_.push_back(mine(n));
                return !whole;
            }
            const std::string text = text_of(path);
            if (filter_.selects(text) || selects_element(text, n)) {
                take(path, n);
                return false;
            }
            levels_.push_back({&n, path.back(), text.size(), nullptr});
            return filter_.reaches(text);
        });
        return levels_.empty() ? nullptr : levels_[0].made;
    }

    /// What stands at the paths that were taken.
    [[nodiscard]] const std::vector<detail::node*>& taken() const { return taken_; }

    template <class F>
    void for_each_unused(F&& f) const {
        filter_.for_each_unused(f);
    }

private:
    struct level {
        const detail::node* of;
        detail::step step;
        std::size_t length;  // of its path's text
        detail::node* made;
    };

    /// The root is "." in a listing. Globs speak of it where there is nothing below it.
    [[nodiscard]] bool selects_root(const detail::node& n) const {
        detail::vec<detail::child> below;
        detail::list_children(n, below);
        return (below.empty() || std::find(globs_.begin(), globs_.end(), ".") != globs_.end()) && filter_.selects(".");
    }

    /// A set is taken whole: its elements have no other place.
    [[nodiscard]] bool selects_element(const std::string& text, const detail::node& n) {
        bool found = false;
        for (std::size_t i = 0; n.kind == tarc::value_kind::set && i < n.list->size; ++i) {
            spend(text.size() + 8);
            found |= filter_.selects(text + "/" + std::to_string(i));
        }
        return found;
    }

    void spend(std::uint64_t bytes) {
        if (bytes > room_)
            detail::raise(tarc::errc::limit_exceeded, "the paths of this file are out of all proportion to it");
        room_ -= bytes;
    }

    /// As `ls` prints it.
    std::string text_of(std::span<const detail::step> path) {
        std::string text = levels_.size() > 1 ? text_.substr(0, levels_.back().length) + "/" : "";
        text += key_of(path.back()).text();
        spend(text.size());
        return text_ = text;
    }

    tarc::key key_of(const detail::step& s) {
        if (s.key == nullptr) return s.label.empty() ? tarc::key(s.index) : tarc::key(s.label);
        switch (s.key->kind) {
            case tarc::value_kind::string: return s.key->str();
            case tarc::value_kind::boolean: return s.key->boolean;
            case tarc::value_kind::integer:
                return s.key->big ? tarc::key::large_integer(repr_.digits(*s.key)) : tarc::key(s.key->integer);
            default: return repr_(*s.key);
        }
    }

    detail::node* key_node(const detail::step& s) {
        if (s.key != nullptr) return mine(*s.key);
        return s.label.empty() ? tree_.integer(static_cast<std::int64_t>(s.index)) : tree_.string(s.label);
    }
    /// The tree is this program's own, although a walk only looks at it.
    static detail::node* mine(const detail::node& n) { return const_cast<detail::node*>(&n); }

    void take(std::span<const detail::step> path, const detail::node& n) {
        std::size_t known = levels_.size();
        while (known > 0 && levels_[known - 1].made == nullptr) --known;
        for (std::size_t i = known; i < levels_.size(); ++i) {
            levels_[i].made = shell(*levels_[i].of);
            if (i != 0) tree_.insert(levels_[i - 1].made, key_node(levels_[i].step), levels_[i].made);
        }
        tree_.insert(levels_.back().made, key_node(path.back()), mine(n));
        taken_.push_back(mine(n));
    }

    /// A dict for a part of a container; that of a state_dict is one too, with the versions of its modules.
    detail::node* shell(const detail::node& n) {
        if (n.kind != tarc::value_kind::dict) return tree_.dict();
        detail::node* made = tree_.dict(n.dict->cls);
        made->dict->state = n.dict->state;
        return made;
    }

    detail::tree& tree_;
    const std::vector<std::string>& globs_;
    const std::vector<std::string> none_;
    detail::path_filter filter_;
    tarc::limits limits_;
    std::uint64_t room_ = 0;
    detail::python_repr repr_{std::uint64_t{1} << 24};
    std::vector<level> levels_;
    std::string text_;
    std::vector<detail::node*> taken_;
};

bool is_container(const detail::node& n) {
    return n.kind == tarc::value_kind::dict || n.kind == tarc::value_kind::list || n.kind == tarc::value_kind::tuple;
}

/// Of each storage that is written, the smallest range that covers what is seen of it.
void narrow_storages(const detail::node& root, detail::tree& tree, const tarc::limits& limits) {
    struct range {
        std::uint64_t low = UINT64_MAX, high = 0;
    };
    std::vector<range> seen(tree.storages().size());
    const auto see = [&](const detail::storage_body& s, std::uint64_t low, std::uint64_t high) {
        seen[s.index] = {std::min(seen[s.index].low, low), std::max(seen[s.index].high, high)};
    };
    detail::address_set visited;
    detail::walk(root, limits, [&](std::span<const detail::step>, const detail::node& n) {
        if (!visited.add(&n).fresh) return false;
        if (n.kind == tarc::value_kind::storage) see(*n.storage, 0, n.storage->nbytes);
        if (n.kind == tarc::value_kind::tensor && n.tensor->storage != nullptr) {
            const std::uint64_t size = tarc::size_of(n.tensor->type);
            const auto extent = static_cast<std::uint64_t>(detail::extent_of(n.tensor->shape, n.tensor->strides));
            const std::uint64_t low = static_cast<std::uint64_t>(n.tensor->offset) * size;
            if (extent != 0) see(*n.tensor->storage, low, low + extent * size);
        }
        return true;
    });
    for (detail::storage_body& s : tree.storages()) {
        const range& r = seen[s.index];
        s.begin = r.low < r.high ? r.low : 0;
        s.end = r.low < r.high ? r.high : 0;
    }
}

/// " -- did you mean …?": among the paths of the file, and those of the containers.
std::string guess_path(const checkpoint& c, const std::string& wanted) {
    std::vector<std::string> paths;
    detail::arena texts;
    const auto add = [&](const std::vector<tarc::key>& path) {
        if (paths.size() < 2000 && !path.empty()) paths.push_back(detail::path_text(path));
    };
    detail::entry_walker(c.content.values(), c.limits, texts)
        .for_each([&](const tarc::entry& e) { add(e.path); },
                  [&](const std::vector<tarc::key>& path, const detail::node&) { add(path); });
    const std::string near = guess(wanted, paths);
    return near.empty() ? " -- `tarc ls FILE | cat` prints the paths" : near;
}

}  // namespace

void extract(const arguments& a) {
    const std::string &from = a.operands[0], &to = *a.find("-o");
    const std::vector<std::string> globs(a.operands.begin() + 1, a.operands.end());
    const tarc::file_format format = target_of(a, to);
    if (std::error_code unknown; std::filesystem::equivalent(from, to, unknown))
        throw usage_error("OUT is FILE itself, all of which the part would replace -- name another file behind -o");
    try {
        const checkpoint c(from);
        if (a.has("--state-dict")) make_state_dicts(c);
        selection s(c, globs);
        const detail::node* root = s.run();
        s.for_each_unused([&](const std::string& glob) {
            detail::raise(tarc::errc::mismatch, "the file has nothing at \"" + glob + "\"" + guess_path(c, glob));
        });
        if (a.has("--root") && s.taken().size() != 1)
            detail::raise(tarc::errc::mismatch, "with --root one value becomes the file, but " +
                                                    std::to_string(s.taken().size()) + " are at these paths");
        const bool flat = format != tarc::file_format::torch && s.taken().size() == 1 && is_container(*s.taken()[0]);
        if (a.has("--root") || flat) root = s.taken()[0];
        narrow_storages(*root, *c.content.values(), c.limits);
        write_part(c, {root}, format, to, "extract");
    } catch (tarc::error& e) {
        e.in_archive(from);
        throw;
    }
}

}  // namespace cli
