// An order for a contract line: for that line alone, for units that nobody else makes, and nothing but an order.
#include "setup/line_order.h"

#include "common/files.h"
#include "crypto/hpke.h"
#include "pki/private_key_file.h"
#include "setup/factory_lists.h"
#include "setup/masa.h"
#include "setup/spoken_serials.h"
#include "support/onboarding_parties.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class LineOrder : public testing::Test {
protected:
    LineOrder() {
        random_source& random = crypto::system_random();
        EXPECT_TRUE(
            app::factory_init(at("factory"), {"Acme", crypto::signature_algorithm::ecdsa_p256_sha256}, system_clock(), random));
        app::masa_setup masa;
        masa.factory = at("factory");
        masa.host = "masa.example";
        EXPECT_TRUE(app::masa_init(at("masa"), masa, system_clock(), random));
        EXPECT_TRUE(app::production_key(at("factory"), {}, random));
        order.name = "March";
        order.backend = "software";
        serials.prefix = "SN-";
        serials.count = 3;
    }
    [[nodiscard]] fs::path at(const std::string& name) const { return directory.path() / name; }
    app::line_identity line(const std::string& name) {
        return got(app::line_init(at(name), name, at("factory/production.pub"), {}, crypto::system_random()));
    }
    result<app::sealed_order> make(app::line_identity line) {
        return app::make_line_order({at("factory"), at("masa"), order, serials, std::move(line), {}}, crypto::system_random());
    }
    [[nodiscard]] size_t orders() const {
        size_t out = 0;
        std::error_code none;
        for (fs::directory_iterator entry(at("factory/orders"), none), end; entry != end; entry.increment(none)) {
            ++out;
        }
        return out;
    }
    // The terms of an order, with some of them changed.
    template <class Value>
    [[nodiscard]] std::string read_with(const std::string& part, const char* name, const Value& value) const {
        app::line_terms terms;
        terms.id = std::string(32, '0');
        terms.line = std::string(64, '0');
        terms.serials = serials;
        terms.order = order;
        auto json = *wire::parse_json_object(wire::to_text(terms.to_json()));
        json.at(part).get_object()[name] = value;
        const auto read = app::line_terms::from_json(json);
        return read ? "taken" : read.error().name;
    }

    temporary_directory directory;
    app::lot_order order;
    app::serial_plan serials;
};

// Whoever has opened an order can seal what is in it, signature and all, to whomever he likes.
TEST_F(LineOrder, IsNothingAtAnotherLine) {
    const auto own = line("own");
    const auto other = line("other");
    const auto made = got(make(own));
    EXPECT_EQ(got(app::open_line_order(at("own"), made.text, {})).id, made.id);

    const auto outer = got(wire::parse_json_object(made.text));
    const auto octets = [&outer](const char* name) { return got(wire::from_base64(outer.at(name).as_string())); };
    const auto key = got(pki::load_kem_private_key(at("own/line.key").string(), {}));
    const auto suite = crypto::hpke_suite_aes256_for(key.algorithm());
    const auto label = as_bytes("berth line order 1");
    auto receiver = crypto::hpke_setup_receiver(suite, got(key.decapsulate(octets("enc"))).reveal(), label);
    const bytes inner = got(receiver.open(own.kem.spki_sha256(), octets("sealed")));
    auto sender = crypto::hpke_setup_sender(suite, other.kem, label, crypto::system_random());
    const bytes again = sender.context.seal(other.kem.spki_sha256(), inner);
    const auto passed_on = wire::to_text(wire::json::object{{"berth_order", 1},
                                                            {"line", to_hex(other.kem.spki_sha256())},
                                                            {"enc", wire::base64(sender.enc)},
                                                            {"sealed", wire::base64(again)}});
    EXPECT_EQ(app::open_line_order(at("other"), passed_on, {}).error().name, "other_line");
}

TEST_F(LineOrder, SendsNobodyElsewhere) {
    const auto p3_sig = [this](const std::string& name) { return read_with("device", "p3_sig", name); };
    EXPECT_EQ(read_with("device", "p3", ""), "taken");
    // Each of these would be opened, loaded or run on the line's machine.
    EXPECT_EQ(p3_sig("pkcs11:token=x;object=y?module-path=/tmp/x.so"), "bad_order");
    EXPECT_EQ(p3_sig("tpm2:0x81020000"), "bad_order") << "not of its back end";
    EXPECT_EQ(p3_sig("file:/etc/cron.d/x"), "bad_order");
    EXPECT_EQ(p3_sig("p3-sig.pem"), "bad_order");
    // Nor by the name of a back end that is none: a line would make its keys at that place.
    for (const char* backend : {"file", "pkcs11", "", "tpm"}) {
        EXPECT_EQ(read_with("device", "backend", backend), "bad_order") << backend;
        order.backend = backend;
        EXPECT_EQ(p3_sig("file:/etc/cron.d/x"), "bad_order") << backend;
        EXPECT_EQ(p3_sig("file:p3-sig.pem"), "bad_order") << backend;
    }
    order.backend = "tpm2";
    EXPECT_EQ(p3_sig("tpm2:0x81020000;layout=st33ktpm;nv=0x01c90001"), "taken");
    EXPECT_EQ(p3_sig("tpm2:0x81020000;tcti=cmd:touch /tmp/x"), "bad_order");
    EXPECT_EQ(p3_sig("pkcs11:token=x"), "bad_order");
    EXPECT_EQ(read_with("device", "p3", "tpm2:0x81020002;seed=p3.seed"), "taken");
    EXPECT_EQ(read_with("device", "p3", "tpm2:0x81020002;seed=/etc/cron.d/x"), "bad_order");
    EXPECT_EQ(read_with("device", "p3", "tpm2:0x81020002;seed=../../x"), "bad_order");
    EXPECT_EQ(read_with("device", "p3", "tpm2:0x81020002;seed=.."), "bad_order");
    order.backend = "stsafe";
    EXPECT_EQ(p3_sig("stsafe:slot=1;zone=2;address=0x21;envelope=1"), "taken");
    EXPECT_EQ(p3_sig("stsafe:slot=1;device=/dev/sda"), "bad_order");
    EXPECT_EQ(p3_sig("stsafe:slot=1;host-key=/root/x"), "bad_order");
    // Nor does a factory order so, where a line would refuse it.
    order.device.p3_sig_uri = "stsafe:slot=1;device=/dev/sda";
    EXPECT_EQ(make(line("own")).error().name, "bad_order");
    EXPECT_EQ(orders(), 0U);
}

TEST_F(LineOrder, NamesRegistersThatThereAre) {
    const std::string value(64, 'a');
    EXPECT_EQ(read_with("pcrs", "7", value), "taken");
    for (const char* number : {"24", "256", "4294967296", "99999999999999999999", "x", "7x", ""}) {
        EXPECT_EQ(read_with("pcrs", number, value), "bad_order") << number;
    }
    EXPECT_EQ(read_with("pcrs", "7", 1), "bad_order");
}

TEST_F(LineOrder, OrdersASerialOnce) {
    const auto first = got(make(line("own")));
    serials.first = 3;
    const auto second = make(line("other"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().name, "serial_ordered");
    EXPECT_NE(second.error().message.find("SN-0003"), std::string::npos) << second.error().message;
    EXPECT_NE(second.error().message.find(first.id), std::string::npos) << second.error().message;
    EXPECT_EQ(orders(), 1U);
    serials.first = 4;
    EXPECT_TRUE(make(got(app::line_identity::read(at("other/line.json")))));
    EXPECT_EQ(app::require_not_spoken_for(at("factory"), serials).error().name, "serial_ordered");
    // An order that will never be made.
    fs::remove_all(at("factory/orders/" + first.id));
    serials.first = 1;
    EXPECT_TRUE(app::require_not_spoken_for(at("factory"), serials));
    EXPECT_TRUE(app::require_not_spoken_for(at("masa"), serials)) << "nothing was ever ordered";
    const auto held = got(app::lock_orders(at("factory")));
    EXPECT_EQ(make(got(app::line_identity::read(at("own/line.json")))).error().name, "in_use");
}

// A lot of the factory's own that is under way has serials which no record has yet.
TEST_F(LineOrder, IsForNoUnitsOfALotUnderWay) {
    ASSERT_TRUE(app::keep_lot(at("factory"), serials, at("lot")));
    EXPECT_TRUE(app::require_not_spoken_for(at("factory"), serials, at("lot"))) << "itself";
    EXPECT_EQ(app::require_not_spoken_for(at("factory"), serials, at("other")).error().name, "serial_ordered");
    EXPECT_EQ(make(line("own")).error().name, "serial_ordered");
    serials.first = 4;
    EXPECT_TRUE(make(got(app::line_identity::read(at("own/line.json")))));
}

TEST_F(LineOrder, IsNotMadeLargerThanALineReads) {
    for (size_t i = 0; i < 48'000; ++i) {
        serials.list.push_back(fmt::format("{:064}", i));
    }
    EXPECT_EQ(make(line("own")).error().name, "too_large");
    EXPECT_EQ(orders(), 0U);
}

// One key is one device's.
TEST_F(LineOrder, CertifiedKeysHaveAnOwner) {
    app::device_order device;
    device.serial = "SN-9";
    const auto masa_keys = got(app::read_text(at("masa/masa-kem.pem")));
    ASSERT_TRUE(app::factory_make(at("factory"), at("SN-9"), device, masa_keys, system_clock(), crypto::system_random()));
    app::certified_keys certified(at("factory"));
    ASSERT_TRUE(certified.catch_up());
    const auto z3 = got(app::read_certificate(at("SN-9/z3.pem")));
    const auto z3_sig = got(app::read_certificate(at("SN-9/z3-sig.pem")));
    for (const auto& leaf : {z3, z3_sig}) {
        EXPECT_TRUE(certified.require_others_not("SN-9", app::certified_keys::of({leaf})));
        const auto other = certified.require_others_not("SN-1", {"00", app::certified_keys::hash_of(leaf.spki())});
        ASSERT_FALSE(other);
        EXPECT_EQ(other.error().name, "key_reused");
        EXPECT_NE(other.error().message.find("SN-9"), std::string::npos);
    }
    EXPECT_TRUE(certified.require_others_not("SN-1", {app::certified_keys::hash_of(as_bytes("another"))}));
    // What is added meanwhile, by whomever, is known after the next look; half a line is nothing yet.
    device.serial = "SN-10";
    ASSERT_TRUE(app::factory_make(at("factory"), at("SN-10"), device, masa_keys, system_clock(), crypto::system_random()));
    const auto next = app::certified_keys::of({got(app::read_certificate(at("SN-10/z3.pem")))});
    EXPECT_FALSE(certified.has("SN-10", next));
    const std::string whole = got(app::read_text(at("factory/issued.jsonl")));
    fs::resize_file(at("factory/issued.jsonl"), whole.rfind('\n', whole.size() - 2) + 10);
    EXPECT_TRUE(certified.catch_up());
    EXPECT_FALSE(certified.has("SN-10", next));
    ASSERT_TRUE(app::write_text(at("factory/issued.jsonl"), whole));
    EXPECT_TRUE(certified.catch_up());
    EXPECT_TRUE(certified.has("SN-10", next));
    EXPECT_FALSE(certified.has("SN-9", next));
    // A line that cannot be read may be any device's.
    ASSERT_TRUE(app::write_text(at("factory/issued.jsonl"), whole + "{}\n"));
    EXPECT_EQ(certified.catch_up().error().name, "damaged_file");
}

// A serial that somebody else is to make is given to no single device either.
TEST_F(LineOrder, IsForNoDeviceThatIsMadeAlone) {
    const auto first = got(make(line("own")));
    const auto records = got(app::open_masa_store(at("masa")));
    const auto masa_keys = got(app::read_text(at("masa/masa-kem.pem")));
    const auto make_one = [&](const std::string& serial) {
        app::device_order device;
        device.serial = serial;
        return app::factory_make_recorded(at("factory"), at(serial), device, masa_keys, *records, system_clock(),
                                          crypto::system_random());
    };
    const auto refused = make_one("SN-0003");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "serial_ordered");
    EXPECT_NE(refused.error().message.find(first.id), std::string::npos) << refused.error().message;
    EXPECT_FALSE(fs::exists(at("SN-0003")));
    EXPECT_TRUE(make_one("SN-0004"));
    app::serial_plan lot;
    lot.list = {"X-1"};
    ASSERT_TRUE(app::keep_lot(at("factory"), lot, at("lot")));
    EXPECT_EQ(make_one("X-1").error().name, "serial_ordered");
}

}  // namespace
}  // namespace berth::test
