#include "keystore/file_backend.h"

#include "crypto/random.h"
#include "keystore/software.h"
#include "pki/private_key_file.h"

#include <cerrno>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

namespace berth::keystore {

namespace {

class this_process final : public holder {
public:
    result<secret_bytes> random(size_t size) const override {
        secret_bytes out(size);
        crypto::system_random().fill(out.writable());
        return out;
    }
};

class files final : public backend {
public:
    const backend_abilities& able() const override {
        static const backend_abilities all{
            .name = "software",
            .signing = {crypto::all_signature_algorithms.begin(), crypto::all_signature_algorithms.end()},
            .kem = {crypto::all_kem_algorithms.begin(), crypto::all_kem_algorithms.end()},
            .remove = true,
            .random = true};
        return all;
    }

    result<signing_key_ptr> open_signing_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(key, pki::load_signing_key(options.path(rest), options.passphrase));
        return software_signing_key(std::move(key));
    }
    result<kem_key_ptr> open_kem_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(key, pki::load_kem_private_key(options.path(rest), options.passphrase));
        return software_kem_key(std::move(key));
    }

    result<signing_key_ptr> make_signing_key(const std::string& rest, crypto::signature_algorithm alg,
                                             const open_options& options) const override {
        auto key = crypto::signing_key::generate(alg, crypto::system_random());
        BERTH_CHECK(save(rest, key, options));
        return software_signing_key(std::move(key));
    }
    result<kem_key_ptr> make_kem_key(const std::string& rest, crypto::kem_algorithm alg,
                                     const open_options& options) const override {
        auto key = crypto::kem_private_key::generate(alg, crypto::system_random());
        BERTH_CHECK(save(rest, key, options));
        return software_kem_key(std::move(key));
    }

    // Only what is a key: a name with a slip in it costs nobody another file.
    result<void> remove(const std::string& rest, const open_options& options) const override {
        const std::string path = options.path(rest);
        const auto key = pki::load_private_key(path, options.passphrase);
        if (!key && !key.error().is("passphrase_required")) {
            error e = key.error();
            if (e.is("file_not_found")) {
                e.name = "key_not_found";
            }
            return fail(std::move(e));
        }
        if (::unlink(path.c_str()) != 0) {
            return fail(
                error{error_category::environment, "file_error", "Deleting " + path + ": " + std::strerror(errno) + "."}.with(
                    "path", path));
        }
        return {};
    }

    result<holder_ptr> open_holder(const std::string&, const open_options&) const override {
        return std::make_shared<const this_process>();
    }

private:
    static result<void> save(const std::string& rest, const pki::any_private_key& key, const open_options& options) {
        const std::string path = options.path(rest);
        BERTH_CHECK(nothing_at(path));
        return pki::save_private_key(path, key, options.passphrase);
    }
};

}  // namespace

result<void> nothing_at(const std::string& path) {
    struct stat there{};
    if (::lstat(path.c_str(), &there) == 0) {
        return fail(error{error_category::usage, "key_exists",
                          path + " is there already and stays as it is. Name another file, or delete that key first."}
                        .with("path", path));
    }
    return {};
}

const backend& file_backend() {
    static const files one;
    return one;
}

}  // namespace berth::keystore
