// A bundle as far as its kept credentials go, and a CA for them.
#pragma once

#include "common/files.h"
#include "credentials/plan.h"
#include "crypto/random.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {

class KeptFiles : public testing::Test {
protected:
    KeptFiles() : root_(make_root("customer")), files_(bundle_, "ops") {
        wish_.name = "ops";
        wish_.identity = "ldevid";
    }
    static app::device_bundle bundle_in(const std::filesystem::path& directory) {
        app::device_bundle out;
        out.directory = directory;
        return out;
    }
    [[nodiscard]] pki::certificate certify(bytes_view spki, unix_seconds from, unix_seconds to) const {
        return test::issue(root_, pki::client_template("Test", "ops", {from, to}), spki);
    }
    // The next generation: a key, then its certificate.
    uint32_t add(unix_seconds from, unix_seconds to, unix_seconds renew_at) {
        const auto waiting = value_of(files_.await_key(wish_, from, crypto::system_random()));
        EXPECT_TRUE(files_.certified(waiting.number, {certify(app::spki_of(waiting.key), from, to)}, renew_at));
        return waiting.number;
    }
    [[nodiscard]] app::kept_credential look() const { return value_of(files_.look()); }
    [[nodiscard]] app::kept_credential mend(unix_seconds now) const { return value_of(files_.mend(now)); }

    temporary_directory directory_;
    authority root_;
    app::device_bundle bundle_ = bundle_in(directory_.path());
    app::credential_files files_;
    app::kept_wish wish_;
};

}  // namespace berth::test
