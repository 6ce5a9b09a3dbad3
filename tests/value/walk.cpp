#include <doctest/doctest.h>

#include <tarc/value/tree.hpp>
#include <tarc/value/walk.hpp>

#include <cstdint>
#include <string>
#include <vector>

using tarc::errc;
using tarc::limits;
using tarc::value_kind;
using tarc::detail::node;
using tarc::detail::path_text;
using tarc::detail::step;
using tarc::detail::tree;
using tarc::detail::walk;

namespace {

std::vector<std::string> paths(const node& root, const limits& l = {}) {
    std::vector<std::string> out;
    walk(root, l, [&](std::span<const step> path, const node&) {
        out.push_back(path_text(path));
        return true;
    });
    return out;
}
errc failure(const node& root, const limits& l) {
    try {
        paths(root, l);
    } catch (const tarc::error& e) {
        return e.code();
    }
    FAIL("no error");
    return errc::io;
}

}  // namespace

TEST_CASE("depth first, in file order, with the path of each value") {
    tree t;
    node* inner = t.sequence(value_kind::tuple);
    t.append(inner, t.integer(1));
    t.append(inner, t.dict());
    t.append(inner, t.integer(2));
    node* root = t.dict();
    t.insert(root, "a/b", inner);
    t.insert(root, t.integer(-7), t.none());
    t.insert(root, t.boolean(true), t.none());
    t.insert(root, t.none(), inner);
    t.insert(root, t.real(1), t.none());
    CHECK_EQ(paths(*root), std::vector<std::string>{"", "a\\/b", "a\\/b/0", "a\\/b/1", "a\\/b/2", "-7", "True", "None",
                                                    "None/0", "None/1", "None/2", "<key>"});
    CHECK_EQ(paths(*t.integer(1)), std::vector<std::string>{""});
    std::size_t visited = 0;
    walk(*root, limits{}, [&](std::span<const step>, const node& n) {
        ++visited;
        return n.kind != value_kind::tuple;
    });
    CHECK_EQ(visited, 6);
}

TEST_CASE("an object with nothing but a dict for its state is that dict; another shows its parts") {
    tree t;
    node* state = t.dict();
    t.insert(state, "x", t.integer(1));
    node* plain = t.object(t.global("m", "C"), nullptr);
    plain->object->state = state;
    CHECK_EQ(paths(*plain), std::vector<std::string>{"", "x"});
    node* made = t.object(t.global("m", "f"), t.sequence(value_kind::tuple));
    t.append(made->object->args, t.integer(1));
    made->object->state = t.integer(5);
    CHECK_EQ(paths(*made), std::vector<std::string>{"", "args", "args/0", "state"});
}

TEST_CASE("cycles, depth and the number of steps are bounded") {
    tree t;
    node* loop = t.sequence(value_kind::list);
    t.append(loop, loop);
    CHECK_EQ(failure(*loop, {}), errc::bad_pickle);

    node* deep = t.integer(0);
    for (int i = 0; i < 100; ++i) {
        node* list = t.sequence(value_kind::list);
        t.append(list, deep);
        deep = list;
    }
    limits l;
    l.depth = 100;
    CHECK_EQ(paths(*deep, l).size(), 101);
    l.depth = 99;
    CHECK_EQ(failure(*deep, l), errc::limit_exceeded);

    node* wide = t.integer(0);  // 2^40 paths to one number
    for (int i = 0; i < 40; ++i) {
        node* list = t.sequence(value_kind::list);
        t.append(list, wide);
        t.append(list, wide);
        wide = list;
    }
    l = {};
    l.nodes = 10000;
    CHECK_EQ(failure(*wide, l), errc::limit_exceeded);
}
