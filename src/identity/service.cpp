#include "identity/service.h"

namespace berth::identity {

result<service> service::make(std::vector<principal> principals, holdings& of, std::function<void(const use_report&)> told) {
    BERTH_CHECK(check_principals(principals));
    return service(std::move(principals), of, std::move(told));
}

result<service::asker> service::admit(std::optional<uint32_t> uid) const {
    const auto found = std::find_if(principals_.begin(), principals_.end(), [&](const principal& p) { return uid == p.uid; });
    if (!uid || found == principals_.end()) {
        const std::string who = uid ? fmt::format("user {}", *uid) : "a user that the kernel does not name";
        return fail(error_category::peer, "not_allowed",
                    fmt::format("{} is no principal of this device's identity service; add a [[principal]] to its configuration, "
                                "if it is to have an identity",
                                who));
    }
    return asker(*found);
}

result<void> service::require(const asker& by, const std::string& name, std::optional<key_use> use) {
    if (!by.who_.has(name)) {
        return fail(error_category::peer, "not_allowed",
                    fmt::format("{} may not use an identity \"{}\"; its own are in `identities` of its [[principal]]",
                                by.who_.name, name));
    }
    if (use && !by.who_.may_use(*use)) {
        return fail(
            error_category::peer, "not_allowed",
            fmt::format("{} may not {} with a key; what it may is in `may` of its [[principal]]", by.who_.name, name_of(*use)));
    }
    return {};
}

result<identity_facts> service::look(const asker& by, const std::string& name) const {
    BERTH_CHECK(require(by, name, std::nullopt));
    return holdings_.look(name);
}

template <class Answer, class How>
result<Answer> service::use(const asker& by, const std::string& name, key_use use, How how) const {
    auto answer = [&]() -> result<Answer> {
        BERTH_CHECK(require(by, name, use));
        BERTH_TRY(key, holdings_.open(name));
        return how(key);
    }();
    if (told_) {
        told_({by.who_.name, name, use, answer ? std::nullopt : std::optional(answer.error())});
    }
    return answer;
}

result<bytes> service::sign(const asker& by, const std::string& name, bytes_view message) const {
    return use<bytes>(by, name, key_use::sign, [&](const key_handle& key) -> result<bytes> {
        if (message.size() > most_message_octets) {
            return fail(error_category::usage, "too_large",
                        fmt::format("{} octets are too much to sign: at most {}", message.size(), most_message_octets));
        }
        const auto* signer = std::get_if<keystore::signing_key_ptr>(&key);
        if (!signer) {
            return fail(error_category::usage, "wrong_key_kind",
                        fmt::format("the key of {} is a KEM's: it decapsulates and cannot sign", name));
        }
        return (*signer)->sign(message);
    });
}

result<secret_bytes> service::decapsulate(const asker& by, const std::string& name, bytes_view enc) const {
    return use<secret_bytes>(by, name, key_use::decapsulate, [&](const key_handle& key) -> result<secret_bytes> {
        const auto* kem = std::get_if<keystore::kem_key_ptr>(&key);
        if (!kem) {
            return fail(error_category::usage, "wrong_key_kind",
                        fmt::format("the key of {} is a signature key: it signs and cannot decapsulate", name));
        }
        return (*kem)->decapsulate(enc);
    });
}

}  // namespace berth::identity
