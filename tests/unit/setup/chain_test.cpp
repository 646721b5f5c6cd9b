// A supply chain: who may sign whom, what a device gets, what is told of it.
#include "common/files.h"
#include "pki/csr.h"
#include "setup/chain_device.h"
#include "setup/chain_journal.h"
#include "setup/chain_party.h"
#include "setup/chain_view.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"
#include "wire/pem.h"

#include <gmock/gmock.h>

namespace berth::app {
namespace {

using namespace berth::test;
using chain = std::vector<pki::certificate>;
namespace fs = std::filesystem;

class Chain : public testing::Test {
protected:
    Chain() { begin_company(); }
    void begin_company() { got(begin_chain(at("company"), {"Company-X"}, clock_, random_)); }
    ca_directory at(const std::string& party) {
        fs::create_directories(directory_.path() / party);
        return got(ca_directory::open(directory_.path() / party, std::nullopt));
    }
    bytes request_of(const std::string& party) {
        const auto pem = got(request_signing(at(party), {party}, clock_, random_));
        return to_bytes(got(wire::from_pem(pem)).front().der.reveal());
    }
    // What a device asks for, with its own key.
    static bytes device_request(const std::string& name, const std::string& key = "", pki::subject_alt_names names = {}) {
        pki::csr_template contents;
        contents.subject.add("CN", name);
        contents.alt_names = std::move(names);
        return got(pki::build_csr(contents, signature_key("of " + (key.empty() ? name : key))));
    }
    static signing_order signer(bytes request, uint32_t path_length = 0, pki::name_constraints names = {}) {
        signing_order out;
        out.request = std::move(request);
        out.signer = true;
        out.path_length = path_length;
        out.names = std::move(names);
        return out;
    }
    static signing_order device(bytes request) {
        signing_order out;
        out.request = std::move(request);
        return out;
    }
    chain sign(const std::string& party, const signing_order& order) {
        return got(sign_below(at(party), order, clock_, random_));
    }
    std::string try_to_sign(const std::string& party, const signing_order& order) {
        return name_of_error(sign_below(at(party), order, clock_, random_));
    }
    // `party` below `above`.
    chain join(const std::string& party, const std::string& above, uint32_t path_length = 0, pki::name_constraints names = {}) {
        const auto answer = sign(above, signer(request_of(party), path_length, std::move(names)));
        got(accept_signing(at(party), answer, got(read_chain(directory_.path() / "company/signer.pem")).front(), clock_));
        return answer;
    }
    std::vector<chain_view::entry> view(const std::vector<std::string>& parties, const std::vector<pki::crl>& lists = {}) {
        chain_view out;
        for (const auto& party : parties) {
            EXPECT_EQ(name_of_error(out.add(directory_.path() / party)), "accepted") << party;
        }
        out.heed(lists);
        return got(out.judged(clock_.now()));
    }
    static std::vector<std::string> wrong(const std::vector<chain_view::entry>& all) {
        std::vector<std::string> out;
        for (const auto& one : all) {
            if (one.wrong) {
                out.push_back(one.certificate.common_name().value_or("?") + " " + one.wrong->name);
            }
        }
        return out;
    }

    temporary_directory directory_;
    manual_clock clock_{test_now};
    named_random random_{"chain"};
};

TEST_F(Chain, CompanyFactoryTechnicianDevice) {
    join("factory", "company", 1);
    join("technician", "factory");
    const auto widget = sign("technician", device(device_request("widget-1")));
    ASSERT_EQ(widget.size(), 4U) << "itself and three above it";
    const auto whole = got(put_in({}, widget));
    EXPECT_EQ(whole.all, (chain{widget[0], widget[1], widget[2]})) << "without the root";
    const auto store = got(pki::trust_store::from_root(widget.back()));
    const auto verified = got(pki::verify_chain(store, whole.all, now_as(pki::leaf_rule::signature)));
    EXPECT_EQ(verified.chain().size(), 3U);
    EXPECT_TRUE(widget.front().has_eku(pki::oid_client_auth));
    EXPECT_EQ(widget[1].path_length(), 0U);
    EXPECT_EQ(widget[2].path_length(), 1U);
}

TEST_F(Chain, OneCannotSignWhoWasNotSigned) {
    request_of("factory");
    EXPECT_EQ(try_to_sign("factory", device(device_request("widget-1"))), "not_signed_yet");
}

TEST_F(Chain, PathLengthsOfAllAboveAreKept) {
    join("factory", "company", 1);
    EXPECT_EQ(try_to_sign("factory", signer(request_of("technician"), 1)), "path_too_long");
    const auto answer = sign("factory", signer(device_request("stand-in")));
    EXPECT_EQ(answer.front().path_length(), 0U);
    got(accept_signing(at("technician"), sign("factory", signer(got([&]() -> result<bytes> {
                                                  BERTH_TRY(key, open_key_of(directory_.path() / "technician", party_name));
                                                  pki::csr_template t;
                                                  t.subject.add("CN", "technician");
                                                  return pki::build_csr(t, key->as_signing_key());
                                              }()))),
                       std::nullopt, clock_));
    EXPECT_EQ(try_to_sign("technician", signer(device_request("one more"))), "path_too_long");
    EXPECT_EQ(try_to_sign("technician", device(device_request("widget-1"))), "accepted");
    const auto refused = sign_below(at("technician"), signer(device_request("one more")), clock_, random_);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("--path-length")) << "it names what to do";
    // Nothing of what was refused is in the records.
    EXPECT_EQ(got(at("technician").records().list({})).size(), 1U);
}

TEST_F(Chain, NoSignerIsCalledLikeOneAboveIt) {
    join("factory", "company", 1);
    const auto called = [](const std::string& organization, const std::string& name) {
        pki::csr_template contents;
        contents.subject.add("O", organization).add("CN", name);
        return got(pki::build_csr(contents, signature_key("of another")));
    };
    EXPECT_EQ(try_to_sign("factory", signer(called("factory", "factory"))), "name_taken") << "its own";
    EXPECT_EQ(try_to_sign("factory", signer(called("Factory", "FACTORY"))), "name_taken") << "as verification compares";
    EXPECT_EQ(try_to_sign("factory", signer(called("Company-X", "Company-X"))), "name_taken") << "of the first";
    EXPECT_EQ(got(at("factory").records().list({})).size(), 0U);
    EXPECT_EQ(try_to_sign("factory", signer(called("factory", "line 2"))), "accepted");
}

TEST_F(Chain, NoMoreSignersThanALoginLooksThrough) {
    std::string above = "company";
    for (size_t i = 1; i <= most_signers; ++i) {
        const std::string party = "party-" + std::to_string(i);
        join(party, above, static_cast<uint32_t>(most_signers - i));
        above = party;
    }
    EXPECT_EQ(try_to_sign("company", signer(request_of("other"), most_signers)), "path_too_long");
    const auto widget = sign(above, device(device_request("widget-1")));
    EXPECT_EQ(widget.size(), most_signers + 2);
}

TEST_F(Chain, NamesThatSomebodyAboveDoesNotAllow) {
    join("factory", "company", 1, {{"factory.example"}, {"secret.factory.example"}, {}});
    join("technician", "factory");
    const auto try_name = [this](const std::string& name) { return try_to_sign("technician", device(device_request(name))); };
    EXPECT_EQ(try_name("widget-1.factory.example"), "accepted");
    EXPECT_EQ(try_name("widget-1.other.example"), "name_constraint_violated");
    EXPECT_EQ(try_name("widget-1.secret.factory.example"), "name_constraint_violated");
    EXPECT_EQ(try_name("widget-1"), "name_constraint_violated") << "a hub would refuse it";
    EXPECT_EQ(try_name("widget-1/camera"), "name_constraint_violated");
    EXPECT_EQ(try_name("widget-1.factory.example/camera"), "accepted") << "a module of a device that is allowed";
    EXPECT_EQ(try_to_sign("technician",
                          device(device_request("a.factory.example", "", {{}, {"urn:berth:device:b.other.example"}, {}}))),
              "name_constraint_violated");
    EXPECT_EQ(try_to_sign("technician", device(device_request("a.factory.example", "", {{"b.other.example"}, {}, {}}))),
              "name_constraint_violated");
    EXPECT_EQ(try_to_sign("factory", signer(request_of("other"), 0, {{"other.example"}, {}, {}})), "name_constraint_violated");
    auto renamed = device(device_request("widget-2"));
    renamed.name = "widget-2.factory.example";
    EXPECT_EQ(sign("technician", renamed).front().common_name(), "widget-2.factory.example");
}

TEST_F(Chain, NothingOutlivesWhatIsAboveIt) {
    join("factory", "company");
    auto order = device(device_request("widget-1"));
    order.lifetime = 6 * one_year;
    EXPECT_EQ(try_to_sign("factory", order), "issuer_expires_first");
    order.lifetime = one_year;
    EXPECT_EQ(sign("factory", order).front().not_after(), test_now + one_year);
    clock_.set(test_now + 4 * one_year);
    const auto late = sign("factory", device(device_request("widget-2")));
    EXPECT_EQ(late.front().not_after(), late[1].not_after()) << "nothing was said: it ends with the one above";
    clock_.set(test_now + 6 * one_year);
    EXPECT_EQ(try_to_sign("factory", device(device_request("widget-3"))), "issuer_expired");
}

TEST_F(Chain, NamesThatNoHubKnows) {
    join("factory", "company");
    EXPECT_EQ(try_to_sign("factory", device(device_request("$system"))), "bad_name");
    EXPECT_EQ(try_to_sign("factory", device(device_request("a/b/c"))), "bad_name");
    EXPECT_EQ(try_to_sign("factory", device(device_request("dev1/mod1"))), "accepted");
    bytes broken = device_request("widget-1");
    broken[broken.size() - 1] ^= 1;
    EXPECT_EQ(try_to_sign("factory", device(broken)), "bad_signature") << "who asks has not shown the key";
}

TEST_F(Chain, OnlyAWholeAnswerOfTheRightRootIsTaken) {
    const auto answer = sign("company", signer(request_of("factory")));
    const auto stranger = test::make_root("Company-X", crypto::signature_algorithm::ecdsa_p256_sha256);
    EXPECT_EQ(name_of_error(accept_signing(at("factory"), answer, stranger.certificate, clock_)), "other_root");
    EXPECT_EQ(name_of_error(accept_signing(at("factory"), {answer.front()}, std::nullopt, clock_)), "incomplete_chain");
    EXPECT_EQ(name_of_error(accept_signing(at("factory"), {answer[0], stranger.certificate}, std::nullopt, clock_)),
              "unknown_issuer");
    request_of("other");
    EXPECT_EQ(name_of_error(accept_signing(at("other"), answer, std::nullopt, clock_)), "issuer_key_mismatch");
    EXPECT_EQ(name_of_error(accept_signing(at("factory"), answer, answer.back(), clock_)), "accepted");
    EXPECT_EQ(name_of_error(accept_signing(at("factory"), answer, answer.back(), clock_)), "file_exists");
}

TEST_F(Chain, EverySignerPutsItsCertificatesIn) {
    join("factory", "company", 1);
    join("technician", "factory");
    const auto by_factory = sign("factory", device(device_request("widget-1")));
    const auto by_technician = sign("technician", device(device_request("widget-1")));
    const auto first = got(put_in({}, by_factory));
    EXPECT_EQ(first.all.size(), 2U);
    const auto both = got(put_in(first.all, by_technician));
    EXPECT_EQ(both.all, (chain{by_technician[0], by_technician[1], by_technician[2], by_factory[0]}));
    EXPECT_EQ(both.first, 3U);
    EXPECT_EQ(got(put_in(both.all, by_technician)).all, both.all) << "the same again";
    EXPECT_EQ(got(sent_chain(both.all, std::nullopt)), (chain{by_technician[0], by_technician[1], by_technician[2]}));
    EXPECT_EQ(got(sent_chain(both.all, by_factory[1])), (chain{by_factory[0], by_factory[1]}));
    EXPECT_EQ(name_of_error(sent_chain(both.all, by_factory.back())), "unknown_signer");
    // A mixture: the factory has the device in hand, and puts in nothing but its own certificate, the technician's comes later.
    const auto leaf_alone = got(put_in({}, chain{by_technician[0]}));
    const auto with_technician = got(put_in(leaf_alone.all, chain{by_technician[1]}));
    EXPECT_EQ(got(put_in(with_technician.all, chain{by_factory[1]})).all,
              (chain{by_technician[0], by_technician[1], by_technician[2]}));
}

TEST_F(Chain, WhatIsNotTheDevicesStaysOut) {
    join("factory", "company", 1);
    const auto one = sign("factory", device(device_request("widget-1")));
    const auto other = sign("factory", device(device_request("widget-1", "another key")));
    EXPECT_EQ(name_of_error(put_in(one, other)), "other_device");
    const auto stranger = test::make_issuing_ca(test::make_root("Stranger"), "Strange");
    EXPECT_EQ(name_of_error(put_in(one, chain{stranger.certificate})), "not_of_this_chain");
    EXPECT_EQ(name_of_error(put_in({}, chain{one[1]})), "no_device");
    EXPECT_EQ(name_of_error(sent_chain(chain{one[1]}, std::nullopt)), "no_device");
}

TEST_F(Chain, DrawnWithAllDevicesBelowASigner) {
    join("factory", "company", 1);
    join("technician", "factory");
    join("other", "factory");
    sign("technician", device(device_request("widget-1")));
    sign("other", device(device_request("widget-2")));
    sign("factory", device(device_request("widget-3")));
    const auto all = view({"company", "factory", "technician", "other"});
    EXPECT_EQ(wrong(all), std::vector<std::string>());
    std::string picture;
    for (const auto& line : draw(all)) {
        picture += line.branch + all[line.entry].certificate.common_name().value_or("?") + "\n";
        if (all[line.entry].is_device()) {
            picture += line.below + "!\n";
        }
    }
    EXPECT_EQ(picture, "Company-X\n"
                       "└─ factory\n"
                       "   ├─ other\n"
                       "   │  └─ widget-2\n"
                       "   │     !\n"
                       "   ├─ technician\n"
                       "   │  └─ widget-1\n"
                       "   │     !\n"
                       "   └─ widget-3\n"
                       "      !\n");
    const auto below = [&](const std::string& party) {
        std::vector<std::string> out;
        for (const size_t i : devices_below(all, got(read_chain(directory_.path() / party / "signer.pem")).front())) {
            out.push_back(all[i].certificate.common_name().value_or("?"));
        }
        std::ranges::sort(out);
        return out;
    };
    EXPECT_EQ(below("company"), (std::vector<std::string>{"widget-1", "widget-2", "widget-3"}));
    EXPECT_EQ(below("factory"), below("company"));
    EXPECT_EQ(below("technician"), std::vector<std::string>{"widget-1"});
}

TEST_F(Chain, OneSignerIsRevokedWithItsDevicesAlone) {
    join("factory", "company", 1);
    const auto technician = join("technician", "factory");
    join("other", "factory");
    sign("technician", device(device_request("widget-1")));
    sign("other", device(device_request("widget-2")));
    const auto before = got(list_revoked(at("factory"), std::nullopt, {}, day, clock_));
    EXPECT_TRUE(before.revoked().empty());
    EXPECT_EQ(name_of_error(list_revoked(at("company"), technician.front(), {}, day, clock_)), "unknown_certificate");
    const auto list = got(list_revoked(at("factory"), technician.front(), pki::revocation_reason::key_compromise, day, clock_));
    ASSERT_EQ(list.revoked().size(), 1U);
    EXPECT_GT(list.number(), before.number());
    EXPECT_TRUE(list.check_signature(technician[1]));
    const std::vector<std::string> gone{"technician certificate_revoked", "widget-1 certificate_revoked"};
    EXPECT_THAT(wrong(view({"company", "technician", "other"}, {list})), testing::UnorderedElementsAreArray(gone))
        << "by the list, without the factory's records";
    EXPECT_THAT(wrong(view({"company", "factory", "technician", "other"})), testing::UnorderedElementsAreArray(gone))
        << "by its records, without a list";
    // Again: another list, and nothing is revoked twice.
    EXPECT_EQ(got(list_revoked(at("factory"), technician.front(), {}, day, clock_)).revoked().size(), 1U);
}

// Who was signed twice, to be renewed, has two certificates that let its devices in.
TEST_F(Chain, ARevokedSignerHasNoOtherCertificateOfItsKey) {
    join("factory", "company", 1);
    const bytes request = request_of("technician");
    const auto former = sign("factory", signer(request));
    clock_.set(test_now + day);
    got(accept_signing(at("technician"), sign("factory", signer(request)), std::nullopt, clock_));
    join("other", "factory");
    sign("technician", device(device_request("widget-1")));
    EXPECT_EQ(got(list_revoked(at("factory"), former.front(), {}, day, clock_)).revoked().size(), 2U);
    EXPECT_THAT(wrong(view({"company", "factory", "technician", "other"})),
                testing::UnorderedElementsAre("technician certificate_revoked", "technician certificate_revoked",
                                              "widget-1 certificate_revoked"));
}

TEST_F(Chain, ItTellsWhatIsWrong) {
    join("factory", "company", 1);
    const auto widget = sign("factory", device(device_request("widget-1")));
    ASSERT_TRUE(write_text(directory_.path() / "alone.pem", widget.front().to_pem()));
    EXPECT_EQ(wrong(view({"alone.pem"})), std::vector<std::string>{"widget-1 unknown_issuer"});
    EXPECT_EQ(wrong(view({"alone.pem", "company"})), std::vector<std::string>()) << "the company has signed the factory";
    clock_.set(test_now + 3 * one_year);
    EXPECT_EQ(wrong(view({"alone.pem", "company"})), std::vector<std::string>{"widget-1 certificate_expired"});
}

TEST_F(Chain, EachStepIsInTheJournalAndIsFoundWhenChanged) {
    join("factory", "company", 1);
    const auto technician = join("technician", "factory");
    got(list_revoked(at("factory"), technician.front(), {}, day, clock_));
    const auto steps = [this](const std::string& party) {
        std::vector<wire::json::object> lines;
        EXPECT_EQ(name_of_error(check_journal(directory_.path() / party, &lines)), "accepted");
        std::vector<std::string> out;
        for (const auto& line : lines) {
            out.push_back(got(wire::text_member(line, "step")));
        }
        return out;
    };
    EXPECT_EQ(steps("company"), (std::vector<std::string>{"begun", "signed"}));
    EXPECT_EQ(steps("factory"), (std::vector<std::string>{"requested", "accepted", "signed", "revoked", "listed"}));
    const auto file = directory_.path() / "factory/journal.jsonl";
    const std::string good = got(read_text(file));
    const auto with = [&](const std::string& text) {
        EXPECT_TRUE(write_text(file, text));
        return name_of_error(check_journal(directory_.path() / "factory"));
    };
    std::string changed = good;
    changed.replace(changed.find("accepted"), 8, "rejected");
    EXPECT_EQ(with(changed), "journal_altered");
    const size_t second = good.find('\n') + 1;
    EXPECT_EQ(with(good.substr(second)), "journal_altered") << "the first line is missing";
    EXPECT_EQ(with(good.substr(0, second) + good.substr(good.find('\n', second) + 1)), "journal_altered");
    EXPECT_EQ(with("nonsense\n" + good), "journal_altered");
    // Half a line, of a process that was killed, is cut off by the next step.
    EXPECT_EQ(with(good + "{\"number\":6"), "accepted");
    EXPECT_EQ(name_of_error(list_revoked(at("factory"), std::nullopt, {}, day, clock_)), "accepted");
    EXPECT_EQ(steps("factory").size(), 6U);
    // What was altered is not written on.
    EXPECT_EQ(with(changed), "journal_altered");
    EXPECT_EQ(name_of_error(list_revoked(at("factory"), std::nullopt, {}, day, clock_)), "journal_altered");
}

// An altered journal keeps nobody in, and makes nobody sign for nothing.
TEST_F(Chain, AnAlteredJournalStopsSigningAndNoRevocation) {
    join("factory", "company", 1);
    const auto technician = join("technician", "factory");
    const auto file = directory_.path() / "factory/journal.jsonl";
    const std::string good = got(read_text(file));
    std::string changed = good;
    changed.replace(changed.find("accepted"), 8, "rejected");
    ASSERT_TRUE(write_text(file, changed));
    const auto issued = got(at("factory").records().list({})).size();
    EXPECT_EQ(try_to_sign("factory", device(device_request("widget-1"))), "journal_altered");
    EXPECT_EQ(try_to_sign("factory", device(device_request("widget-1"))), "journal_altered");
    EXPECT_EQ(got(at("factory").records().list({})).size(), issued) << "nothing was issued and lost";
    for (int attempt = 1; attempt <= 2; ++attempt) {
        std::optional<pki::crl> published;
        EXPECT_EQ(name_of_error(list_revoked(at("factory"), technician.front(), {}, day, clock_,
                                             [&](const pki::crl& made) {
                                                 published = made;
                                                 return result<void>();
                                             })),
                  "journal_altered");
        ASSERT_TRUE(published) << attempt;
        EXPECT_TRUE(published->find(technician.front().serial())) << attempt;
    }
    // As after a kill between the two: the next list tells the journal what it lacks, once.
    ASSERT_TRUE(write_text(file, good));
    got(list_revoked(at("factory"), std::nullopt, {}, day, clock_));
    got(list_revoked(at("factory"), technician.front(), {}, day, clock_));
    std::vector<wire::json::object> lines;
    got(check_journal(directory_.path() / "factory", &lines));
    std::vector<std::string> revoked;
    for (const auto& line : lines) {
        if (got(wire::text_member(line, "step")) == "revoked") {
            revoked.push_back(got(wire::text_member(line, "serial")));
        }
    }
    EXPECT_EQ(revoked, std::vector<std::string>{technician.front().serial_hex()});
}

}  // namespace
}  // namespace berth::app
