// Handshakes that must fail: with which alert, under which key, after which of our own records.
#include "vectors/authkem/vector_file.h"

#include <gtest/gtest.h>

namespace berth::authkem::vectors {
namespace {

namespace json = wire::json;

const json::object& negatives() {
    static const json::object file = load(*directory() / "negative.json");
    return file;
}

std::vector<std::string> names() {
    std::vector<std::string> out;
    if (directory()) {
        for (const json::value& v : negatives().at("vectors").as_array()) {
            out.push_back(text(v.as_object(), "name"));
        }
    }
    return out;
}

const json::object& named_vector(std::string_view name) {
    for (const json::value& v : negatives().at("vectors").as_array()) {
        if (text(v.as_object(), "name") == name) {
            return v.as_object();
        }
    }
    throw std::out_of_range("no such vector");
}

const material& shared_material() {
    static const material all(negatives());
    return all;
}

struct feeding {
    std::string name;
    bool by_octet;
};

class Refusal : public testing::TestWithParam<feeding> {};

TEST_P(Refusal, HasTheNamedAlertUnderTheNamedKey) {
    const json::object& vector = named_vector(GetParam().name);
    const role side = text(vector, "under_test") == "client" ? role::client : role::server;
    endpoint tested(member(vector, "config"), shared_material(), side, vector.at("clock").as_int64());
    connection& line = tested.line();
    ASSERT_TRUE(line.start());

    bytes produced;
    bytes expected;
    for (const json::value& item : vector.at("flow").as_array()) {
        const json::object& step = item.as_object();
        if (step.contains("send")) {
            for (const json::value& record : step.at("send").as_array()) {
                append(expected, hex(record));
            }
            append(produced, line.take_output());
            ASSERT_GE(produced.size(), expected.size()) << "a record is missing by now";
            continue;
        }
        EXPECT_EQ(line.failure(), nullptr);
        for (const json::value& record : step.at("receive").as_array()) {
            const bytes octets = hex(record);
            // Octets after the failure are ignored: feeding goes on whatever receive() says.
            if (GetParam().by_octet) {
                for (const uint8_t octet : octets) {
                    (void)line.receive({&octet, 1});
                }
            } else {
                (void)line.receive(octets);
            }
        }
    }
    append(produced, line.take_output());
    const json::object& expect = member(vector, "expect");
    append(expected, hex(expect.at("record")));
    EXPECT_EQ(to_hex(produced), to_hex(expected));
    ASSERT_NE(line.failure(), nullptr);
    ASSERT_TRUE(line.alert_sent());
    EXPECT_EQ(name_of(*line.alert_sent()), text(expect, "alert")) << line.failure()->name;
    EXPECT_EQ(static_cast<int64_t>(*line.alert_sent()), expect.at("code").as_int64());
    EXPECT_EQ(line.state(), state::failed);

    const std::string name = line.failure()->name;
    const auto again = line.receive(bytes(100, 0x17));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().name, name);
    EXPECT_TRUE(line.take_output().empty());
    EXPECT_EQ(line.take_received().empty(), true);
}

std::vector<feeding> all() {
    std::vector<feeding> out;
    for (const std::string& name : names()) {
        out.push_back({name, false});
        out.push_back({name, true});
    }
    return out;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Refusal);
INSTANTIATE_TEST_SUITE_P(Vectors, Refusal, testing::ValuesIn(all()),
                         [](const auto& r) { return r.param.name + (r.param.by_octet ? "_by_octet" : ""); });

TEST(NegativeVectors, ArePresent) {
    if (!directory()) {
        GTEST_SKIP() << "no AuthKEM vectors: set BERTH_VECTORS_DIR";
    }
    EXPECT_GE(names().size(), 132U);
}

}  // namespace
}  // namespace berth::authkem::vectors
