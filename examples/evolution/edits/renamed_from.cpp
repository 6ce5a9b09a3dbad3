// The rename is declared, but for a field that is not there.
#include <tarc/reflect/frozen.hpp>

struct checkpoint {
    std::int64_t epoch = 0;
    std::vector<double> learning_rates;
    std::string remark;
};
template <>
inline constexpr auto tarc::describe<checkpoint> = tarc::renamed_from{"remarks", "comment"};

static_assert(tarc::schema_of<checkpoint> == tarc::frozen<"epoch: int64\n"
                                                          "learning_rates/*: float64\n"
                                                          "remark: str\n">);
