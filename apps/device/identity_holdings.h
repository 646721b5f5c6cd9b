// What an onboarded device's bundle has for its identity service: the credentials that are renewed (below credentials/), those of
// the onboarding (below installed/), and "ldevid".
#pragma once

#include "device/bundle.h"
#include "identity/service.h"

#include <map>
#include <optional>

namespace berth::app {

class identity_holdings final : public identity::holdings {
public:
    // Which of two credentials of one name is meant.
    enum class prefer : uint8_t { kept, installed };
    // `bundle` outlives it.
    explicit identity_holdings(const device_bundle& bundle, prefer first = prefer::kept) : bundle_(bundle), first_(first) {}

    identity::device_facts device() override;
    // Errors `no_such_identity`; of files and certificates.
    result<identity::identity_facts> look(const std::string& name) override;
    // The handle stays open, for as long as neither the certificate's file nor the key's changes: a renewal shows at the next
    // use. Errors also of keystore::open_signing_key; `key_mismatch`: it is not the certificate's key.
    result<identity::key_handle> open(const std::string& name) override;
    // Error `not_onboarded`.
    result<std::vector<pki::certificate>> trust() override;

private:
    struct place {
        std::filesystem::path certificate;
        std::filesystem::path key;
        bool named = false;  // the file holds the key's name, not the key
    };
    [[nodiscard]] result<place> find(const std::string& name) const;
    [[nodiscard]] result<std::optional<place>> find_kept(const std::string& name) const;
    [[nodiscard]] result<std::optional<place>> find_installed(const std::string& name) const;
    template <class Read>
    auto at_place(const std::string& name, Read read) const;
    result<identity::key_handle> open_at(const std::string& name, const place& at);
    struct opened {
        std::string stamp;
        identity::key_handle key;
    };
    const device_bundle& bundle_;
    prefer first_;
    std::map<std::string, opened> open_;
};

}  // namespace berth::app
