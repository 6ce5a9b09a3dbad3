#include "state_dicts.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include <tarc/archive/flat_view.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/walk.hpp>

namespace cli {

namespace detail = tarc::detail;

void make_state_dicts(const checkpoint& c) {
    detail::tree& tree = *c.content.values();
    if (tree.root == nullptr) return;
    std::vector<detail::node*> modules;  // without those inside of others
    detail::address_set seen;
    detail::walk(*tree.root, c.limits, [&](std::span<const detail::step>, const detail::node& n) {
        if (!seen.add(&n).fresh) return false;
        if (!detail::flat_view::is_module(n)) return true;
        modules.push_back(const_cast<detail::node*>(&n));  // the tree is ours
        return false;
    });
    detail::bind_options options;
    options.limit = c.limits;
    options.tree_bytes = tree.memory.capacity();
    detail::bind_budget budget(options);
    for (detail::node* module : modules) {
        detail::arena texts;
        detail::flat_view view(*module, options, texts, budget);
        detail::node* dict = tree.dict(detail::dict_class::ordered);
        detail::text_set names;
        for (const detail::flat_view::item& i : view.items())
            if (!i.container && names.add(i.whole).fresh)
                tree.insert(dict, i.whole, const_cast<detail::node*>(i.value));
        *module = *dict;
    }
}

}  // namespace cli
