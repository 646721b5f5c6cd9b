// Company-X, Factory-Y and technicians, by the commands that each of them gives at its place.
#pragma once

#include "../broker/broker_world.h"

namespace berth::test {

// `Base`: at(), and a directory of its own.
template <class Base>
class ChainParties : public Base {
protected:
    using Base::at;

    [[nodiscard]] program_result chain(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--json", "chain"});
        return berth(arguments);
    }
    // What a command ends with that has told something before.
    static std::string last_error(const program_result& r) {
        program_result end;
        end.output = {r.output.empty() ? "" : r.output.back()};
        return end.error_name();
    }
    wire::json::object did(const std::vector<std::string>& arguments) const {
        const auto r = chain(arguments);
        EXPECT_EQ(r.exit, 0) << fmt::format("{}\n", fmt::join(arguments, " ")) << r.all();
        return r.exit == 0 && !r.output.empty() ? r.json() : wire::json::object{};
    }
    [[nodiscard]] std::string did_not(const std::vector<std::string>& arguments, int exit = 2) const {
        const auto r = chain(arguments);
        EXPECT_EQ(r.exit, exit) << r.all();
        return last_error(r);
    }
    void begin_company() const { did({"init", "--dir", at("company-x"), "--organization", "Company-X"}); }
    // `party` makes its key and is signed by `above`.
    void join(const std::string& party, const std::string& above, const std::vector<std::string>& limits = {},
              const std::vector<std::string>& key = {}) const {
        std::vector<std::string> request{"request", "--dir", at(party), "--organization", party, "--out", at(party + ".csr")};
        request.insert(request.end(), key.begin(), key.end());
        did(request);
        std::vector<std::string> sign{"sign", "--dir", at(above), at(party + ".csr"), "--signer", "--out", at(party + ".answer")};
        sign.insert(sign.end(), limits.begin(), limits.end());
        did(sign);
        did({"accept", "--dir", at(party), at(party + ".answer"), "--root", at("company-x/signer.pem")});
    }
    [[nodiscard]] std::string signer_of(const std::string& party) const { return at(party + "/signer.pem"); }
};

}  // namespace berth::test
