#include "setup/ca_rotation.h"

#include "common/files.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr unix_seconds clock_skew = 300;
constexpr std::array parts{".pem", ".key", ".uri"};

std::string next_of(const std::string& name) {
    return name + ".next";
}

result<std::string> free_generation(const fs::path& directory, const std::string& name) {
    for (int n = 1;; ++n) {
        const std::string candidate = name + "." + std::to_string(n);
        BERTH_TRY(taken, is_there(directory / (candidate + ".pem")));
        if (!taken) {
            return candidate;
        }
    }
}

result<void> move_files(const fs::path& directory, const std::string& from, const std::string& to) {
    // The certificate last: where it is, the key is.
    for (const char* part : {parts[1], parts[2], parts[0]}) {
        std::error_code failed;
        const fs::path file = directory / (from + part);
        if (fs::exists(file, failed)) {
            fs::rename(file, directory / (to + part), failed);
        }
        if (failed) {
            return cannot("rename", file, failed);
        }
    }
    return sync_directory(directory);
}

void forget_attempt(const fs::path& directory, const std::string& name) {
    for (const char* part : parts) {
        std::error_code ignored;
        fs::remove(directory / (next_of(name) + part), ignored);
    }
}

result<keystore::signing_key_ptr> key_of_next(const ca_directory& in, const rotation& order, random_source& random) {
    const std::string next = next_of(order.name);
    if (!order.key_uri.empty()) {
        BERTH_CHECK(write_text(in.path() / (next + ".uri"), order.key_uri + "\n"));
    }
    return make_key_of(in.path(), next, order.algorithm, random, in.passphrase());
}

result<std::vector<pki::certificate>> new_chain(const ca_directory& in, const rotation& order, const pki::certificate& old,
                                                const crypto::signing_key& key, const clock& time, random_source& random) {
    const unix_seconds now = time.now();
    const std::string organization = old.organization().value_or("");
    const std::string common_name = old.common_name().value_or("");
    if (old.is_self_issued()) {
        const unix_seconds end = order.lifetime >= pki::no_expiry - now ? pki::no_expiry : now + order.lifetime;
        BERTH_TRY(made,
                  pki::issue_self_signed(pki::root_template(organization, common_name, {now - clock_skew, end}), key, random));
        if (!same_octets(made.subject_der(), old.subject_der())) {
            return fail(error_category::usage, "bad_arguments",
                        fmt::format("{} has a subject that Berth does not write ({}): rotate it where it was made", order.name,
                                    old.subject()));
        }
        BERTH_CHECK(log_certificate(in.records(), made, made.spki_sha256(), "root", "", now));
        return std::vector{made};
    }
    new_authority as_before;
    as_before.name = order.name;
    as_before.organization = organization;
    as_before.common_name = common_name;
    as_before.algorithm = order.algorithm;
    as_before.under = order.under;
    as_before.lifetime = order.lifetime;
    as_before.path_length = old.path_length();
    BERTH_TRY(made, certify_authority(in, as_before, key.public_key().spki(), time, random));
    BERTH_TRY(chain, in.chain(order.under));
    chain.insert(chain.begin(), made);
    return chain;
}

// The roots of all generations that still count, the newest first.
result<void> write_anchors(const ca_directory& in, const std::string& name, unix_seconds now) {
    std::vector<pki::certificate> anchors;
    BERTH_TRY(newest, in.chain(name));
    anchors.push_back(newest.back());
    for (int n = 1;; ++n) {
        const fs::path file = in.path() / (name + "." + std::to_string(n) + ".pem");
        BERTH_TRY(there, is_there(file));
        if (!there) {
            break;
        }
        BERTH_TRY(former, read_chain(file));
        if (former.back().not_after() >= now) {
            anchors.insert(anchors.begin() + 1, former.back());
        }
    }
    return write_text(in.path() / (name + ".anchors.pem"), pki::to_pem(anchors));
}

result<void> cross_certify_generations(const ca_directory& in, const pki::certificate& old, const ca::issuer& former,
                                       const pki::certificate& now_root, const crypto::signing_key& key, unix_seconds now,
                                       random_source& random, const std::string& name, rotated& out) {
    const unix_seconds end = std::min(old.not_after(), now_root.not_after());
    BERTH_TRY(old_with_new, pki::cross_sign(old, now - clock_skew, end, now_root, key, random));
    BERTH_TRY(new_with_old, pki::cross_sign(now_root, now - clock_skew, end, old, former.key(), random));
    BERTH_CHECK(log_certificate(in.records(), old_with_new, now_root.spki_sha256(), "cross", "", now));
    BERTH_CHECK(log_certificate(in.records(), new_with_old, old.spki_sha256(), "cross", "", now));
    BERTH_CHECK(write_text(in.path() / (name + ".old-with-new.pem"), old_with_new.to_pem()));
    BERTH_CHECK(write_text(in.path() / (name + ".new-with-old.pem"), new_with_old.to_pem()));
    out.old_with_new = std::move(old_with_new);
    out.new_with_old = std::move(new_with_old);
    return {};
}

}  // namespace

result<rotated> rotate_authority(const ca_directory& in, const rotation& order, const clock& time, random_source& random) {
    const std::string next = next_of(order.name);
    BERTH_TRY(old_there, is_there(in.path() / (order.name + ".pem")));
    BERTH_TRY(next_there, is_there(in.path() / (next + ".pem")));
    if (!old_there && next_there) {
        // Killed between the two renames: the new generation is complete.
        BERTH_CHECK(move_files(in.path(), next, order.name));
    }
    BERTH_TRY(old_chain, in.chain(order.name));
    const pki::certificate old = old_chain.front();
    const bool is_root = old.is_self_issued();
    if (!is_root && order.under.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    fmt::format("{} is below {}: say which CA here that is (--under), or berth ca request for one elsewhere",
                                order.name, old.issuer()));
    }
    BERTH_TRY(former, in.issuer(order.name));
    BERTH_CHECK(former.check_usable(in.records(), time.now()));
    forget_attempt(in.path(), order.name);
    BERTH_TRY(key, key_of_next(in, order, random));
    auto chain = new_chain(in, order, old, key->as_signing_key(), time, random);
    if (!chain) {
        forget_attempt(in.path(), order.name);
        return fail(std::move(chain).error());
    }
    BERTH_TRY(generation, free_generation(in.path(), order.name));
    rotated out{generation, chain->front()};
    if (is_root) {
        BERTH_CHECK(cross_certify_generations(in, old, former, chain->front(), key->as_signing_key(), time.now(), random,
                                              order.name, out));
    }
    BERTH_CHECK(write_text(in.path() / (next + ".pem"), pki::to_pem(*chain)));
    BERTH_CHECK(move_files(in.path(), order.name, generation));
    BERTH_CHECK(move_files(in.path(), next, order.name));
    if (is_root) {
        BERTH_CHECK(write_anchors(in, order.name, time.now()));
    }
    return out;
}

result<pki::certificate> cross_certify(const ca_directory& in, const std::string& name, const pki::certificate& subject,
                                       unix_seconds lifetime, const clock& time, random_source& random) {
    BERTH_TRY(by, in.issuer(name));
    const unix_seconds now = time.now();
    BERTH_CHECK(by.check_usable(in.records(), now));
    const unix_seconds wanted = lifetime >= pki::no_expiry - now ? pki::no_expiry : now + lifetime;
    const unix_seconds end = std::min({wanted, subject.not_after(), by.certificate().not_after()});
    BERTH_TRY(made, pki::cross_sign(subject, now - clock_skew, end, by.certificate(), by.key(), random));
    BERTH_CHECK(log_certificate(in.records(), made, by.id(), "cross", "", now));
    return made;
}

}  // namespace berth::app
