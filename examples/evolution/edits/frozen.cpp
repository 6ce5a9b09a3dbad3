// Somebody renames `comment`, and says nothing about it.
#include <tarc/reflect/frozen.hpp>

struct checkpoint {
    std::int64_t epoch = 0;
    std::vector<double> learning_rates;
    std::string remark;
};

static_assert(tarc::schema_of<checkpoint> == tarc::frozen<"epoch: int64\n"
                                                          "learning_rates/*: float64\n"
                                                          "comment: str\n">);
