// A struct for a file that it does not fit; the header is what `tarc schema v1.pt --cpp v1` wrote.
#include <tarc/reflect/loads.hpp>

#include "v1.schema.hpp"

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    linear fc1, fc3;
};
struct checkpoint {
    std::int64_t epoch = 0;
    net model;
    double lr = 0;
};

static_assert(tarc::loads<checkpoint>(v1));
