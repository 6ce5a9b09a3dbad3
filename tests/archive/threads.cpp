// Many threads use one archive; run under ThreadSanitizer by hand.
#include "archive/support.hpp"

#include <atomic>
#include <thread>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct net {
    tensor<float> weight, bias;
};
struct checkpoint {
    int epoch = 0;
    net model;
    tarc::value more;
};

TEST_CASE("many threads read one archive") {
    checkpoint c{3,
                 {tensor<float>::full({1000, 10}, 1.5f), tensor<float>::full({3}, 2.5f)},
                 tarc::value::list({tensor<double>::full({100}, 4.0), "text"})};
    const bytes file = saved(c);
    const tarc::archive shared = tarc::open(file);
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < 8; ++id)
        threads.emplace_back([&, id] {
            for (int i = 0; i < 10; ++i) {
                const tarc::archive ar = shared;
                bool ok = true;
                switch ((i + id) % 5) {
                    case 0: ok = saved(ar.load<checkpoint>()) == file; break;
                    case 1: ok = ar.tensor({"model", "bias"}).as<float>()(2) == 2.5f; break;
                    case 2: ok = ar.entries().size() == 5; break;
                    case 3: ok = ar.load<&checkpoint::model>().weight(999, 9) == 1.5f; break;
                    default: {
                        tarc::value v = ar.value();
                        v["more"][0].as_tensor().as<double>()(0) = id;  // its own storage
                        ar.verify();
                        ok = v["more"][0].as_tensor().as<double>()(0) == id;
                    }
                }
                good += ok;
            }
        });
    for (std::thread& t : threads) t.join();
    CHECK(good == 80);
}

}  // namespace
