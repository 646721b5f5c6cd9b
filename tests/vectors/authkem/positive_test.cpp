// Each recorded handshake, each endpoint alone against the octets of its peer, in several ways of cutting
// them.
#include "authkem/record_protection.h"
#include "vectors/authkem/vector_file.h"

#include <gtest/gtest.h>

namespace berth::authkem::vectors {
namespace {

namespace json = wire::json;

enum class cutting { whole_records, single_octets, flights };

struct run {
    std::filesystem::path file;
    role side;
    cutting how;
};

std::string name_of_run(const run& r) {
    static constexpr std::array how{"whole", "octets", "flights"};
    return r.file.stem().string() + (r.side == role::client ? "_client_" : "_server_") + how[static_cast<size_t>(r.how)];
}

std::vector<run> all_runs() {
    std::vector<run> out;
    for (const auto& file : positive_files()) {
        for (const role side : {role::client, role::server}) {
            for (const cutting how : {cutting::whole_records, cutting::single_octets, cutting::flights}) {
                out.push_back({file, side, how});
            }
        }
    }
    return out;
}

void feed(connection& line, bytes_view octets, cutting how) {
    if (how != cutting::single_octets) {
        auto done = line.receive(octets);
        ASSERT_TRUE(done) << done.error().name << ": " << done.error().message;
        return;
    }
    for (size_t i = 0; i < octets.size(); ++i) {
        auto done = line.receive(octets.subspan(i, 1));
        ASSERT_TRUE(done) << done.error().name << ": " << done.error().message;
    }
}

void expect_secrets(const json::object& file, const endpoint& tested) {
    for (const auto& [name, value] : member(file, "secrets")) {
        EXPECT_EQ(to_hex(tested.secret(name)), std::string_view(value.as_string())) << std::string_view(name);
    }
    const cipher_suite suite = cipher_suite_from_name(text(file, "cipher_suite")).value();
    for (const auto& [name, value] : member(file, "traffic_keys")) {
        const traffic_keys keys = keys_from(suite, secret_bytes(bytes_view(tested.secret(name))));
        EXPECT_EQ(to_hex(keys.key.reveal()), text(value.as_object(), "key")) << std::string_view(name);
        EXPECT_EQ(to_hex(keys.iv.reveal()), text(value.as_object(), "iv")) << std::string_view(name);
    }
}

// A client that is refused tells the secrets of its attempt first.
void expect_refused_attempt(const json::object& file, const endpoint& tested) {
    for (const auto& [name, value] : member(file, "refused_attempt")) {
        const auto first = std::find_if(tested.secrets().begin(), tested.secrets().end(),
                                        [&](const auto& told) { return told.first == std::string_view(name); });
        ASSERT_NE(first, tested.secrets().end()) << std::string_view(name);
        EXPECT_EQ(to_hex(first->second), std::string_view(value.as_string())) << std::string_view(name);
    }
}

void expect_session(const json::object& file, connection& line) {
    const session& done = *line.session();
    const json::object& exporter = member(file, "exporter");
    const auto exported = done.exporter(text(exporter, "label"), hex(exporter.at("context")),
                                        static_cast<size_t>(exporter.at("length").as_int64()));
    ASSERT_TRUE(exported);
    EXPECT_EQ(to_hex(exported->reveal()), text(exporter, "output"));
    EXPECT_EQ(name_of(done.suite()), text(file, "cipher_suite"));
    const std::string mode = text(file, "mode");
    EXPECT_EQ(name_of(done.flow()), mode == "full_after_refusal" ? "pdk_refused" : mode);
    EXPECT_EQ(done.server_name(), "server.example");
    EXPECT_EQ(line.octets_sent(),
              static_cast<uint64_t>(member(file, "sizes").at(line.side() == role::client ? "client" : "server").as_int64()));
}

void exchange_data(const json::object& file, connection& line, std::string_view self, cutting how) {
    for (const json::value& item : file.at("application_data").as_array()) {
        const json::object& data = item.as_object();
        if (text(data, "from") == self) {
            ASSERT_TRUE(line.send(hex(data.at("plaintext"))));
            EXPECT_EQ(to_hex(line.take_output()), text(data, "record"));
        } else {
            feed(line, hex(data.at("record")), how);
            EXPECT_EQ(to_hex(line.take_received()), text(data, "plaintext"));
        }
    }
}

class Handshake : public testing::TestWithParam<run> {};

TEST_P(Handshake, IsReproducedToTheOctet) {
    const json::object file = load(GetParam().file);
    const role side = GetParam().side;
    const std::string self = side == role::client ? "client" : "server";
    const material named(file);
    endpoint tested(member(file, self), named, side, file.at("clock").as_int64());
    connection& line = tested.line();
    ASSERT_TRUE(line.start());

    bytes produced;
    bytes expected;
    bytes waiting;  // of the peer's flight
    const auto deliver = [&] {
        feed(line, waiting, GetParam().how);
        waiting.clear();
    };
    for (const json::value& item : file.at("records").as_array()) {
        const json::object& record = item.as_object();
        if (text(record, "from") == self) {
            deliver();
            append(produced, line.take_output());
            append(expected, hex(record.at("octets")));
            // Sent by now, and not before.
            ASSERT_GE(produced.size(), expected.size());
            ASSERT_TRUE(same_octets(bytes_view(produced).first(expected.size()), expected)) << text(record, "content");
        } else {
            append(waiting, hex(record.at("octets")));
            if (GetParam().how != cutting::flights) {
                EXPECT_FALSE(line.completed());
                deliver();
            }
        }
        if (HasFatalFailure()) {
            return;
        }
    }
    deliver();
    append(produced, line.take_output());
    EXPECT_EQ(produced.size(), expected.size());
    ASSERT_TRUE(line.completed());
    EXPECT_EQ(line.state(), state::established);
    EXPECT_EQ(tested.random().left(), 0U);
    expect_secrets(file, tested);
    if (side == role::client && file.contains("refused_attempt")) {
        expect_refused_attempt(file, tested);
    }
    expect_session(file, line);
    exchange_data(file, line, self, GetParam().how);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Handshake);
INSTANTIATE_TEST_SUITE_P(Vectors, Handshake, testing::ValuesIn(all_runs()), [](const auto& r) { return name_of_run(r.param); });

TEST(Vectors, ArePresent) {
    if (!directory()) {
        GTEST_SKIP() << "no AuthKEM vectors: set BERTH_VECTORS_DIR";
    }
    EXPECT_EQ(positive_files().size(), 11U);
}

}  // namespace
}  // namespace berth::authkem::vectors
