#include "setup/ca_directory.h"

#include "common/files.h"
#include "common/words.h"
#include "pki/epoch.h"

namespace berth::app {

namespace fs = std::filesystem;

result<ca_directory> ca_directory::open(const fs::path& path, std::optional<secret_bytes> passphrase, store::opening how) {
    std::error_code failed;
    if (!fs::is_directory(path, failed)) {
        return fail(error{error_category::usage,
                          "file_not_found",
                          fmt::format("there is no directory {}: berth ca init and berth ca root make one", path.string()),
                          {{"path", path.string()}}});
    }
    BERTH_TRY(configuration, read_ca_configuration(path));
    BERTH_TRY(records, store::sqlite_ca_store::open((path / "ca.db").string(), how));
    return ca_directory(path, std::move(passphrase), std::move(configuration), std::move(records));
}

result<std::vector<std::string>> ca_directory::names() const {
    std::vector<std::string> out;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(path_, failed)) {
        const fs::path& file = entry.path();
        if (file.extension() != ".pem") {
            continue;
        }
        const std::string name = file.stem().string();
        const auto chain = read_chain(file);
        const bool has_key = fs::exists(path_ / (name + ".key"), failed) || fs::exists(path_ / (name + ".uri"), failed);
        if (has_key && chain && chain->front().is_ca()) {
            out.push_back(name);
        }
    }
    if (failed) {
        return cannot("read", path_, failed);
    }
    std::ranges::sort(out);
    return out;
}

result<std::vector<pki::certificate>> ca_directory::chain(const std::string& name) const {
    BERTH_TRY(there, is_there(path_ / (name + ".pem")));
    if (!there || name.find('/') != std::string::npos) {
        BERTH_TRY(known, names());
        const auto meant = nearest(name, known);
        return fail(error{error_category::usage, "unknown_authority",
                          fmt::format("there is no CA \"{}\" in {}, which has {}{}", name, path_.string(),
                                      known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")),
                                      meant ? fmt::format(". Is \"{}\" meant?", *meant) : "")}
                        .with("authority", name));
    }
    return read_chain(path_ / (name + ".pem"));
}

result<ca::issuer> ca_directory::issuer(const std::string& name) const {
    BERTH_TRY(above, chain(name));
    BERTH_TRY(key, open_key_of(path_, name, passphrase_));
    // A former generation publishes where it always has.
    const std::string configured = name.substr(0, name.find('.'));
    auto opened = ca::issuer::open(std::move(above), std::move(key), configuration_.settings_of(configured));
    if (!opened) {
        return fail(std::move(opened).error().during((path_ / (name + ".pem")).string()));
    }
    return opened;
}

result<std::string> ca_directory::only() const {
    BERTH_TRY(all, names());
    std::vector<std::string> issuing;
    for (const auto& name : all) {
        BERTH_TRY(above, chain(name));
        if (!above.front().is_self_issued() && name.find('.') == std::string::npos) {
            issuing.push_back(name);
        }
    }
    const auto& known = issuing.empty() ? all : issuing;
    if (known.size() == 1) {
        return known.front();
    }
    return fail(error_category::usage, "bad_arguments",
                fmt::format("say which CA is meant: --name {}", fmt::join(known, " or ")));
}

result<void> log_certificate(ca::ca_records& records, const pki::certificate& made, const ca::key_hash& issuer,
                             const std::string& profile, const std::string& batch, unix_seconds now) {
    ca::issuance entry;
    entry.issuer = issuer;
    entry.serial = made.serial();
    entry.certificate = to_bytes(made.der());
    entry.subject = made.subject();
    if (const auto serial = made.device_serial(); serial && !made.is_ca()) {
        entry.device.serial = *serial;
        entry.device.maker_root = pki::maker_root_of(made).value_or(ca::key_hash{});
    }
    entry.profile = profile;
    entry.requester = "admin";
    entry.proofs = std::string(ca::to_string(ca::proof::admin));
    entry.batch = batch;
    BERTH_TRY(epoch, pki::epoch_of(made));
    entry.epoch = epoch.value_or(0);
    entry.at = now;
    entry.not_before = made.not_before();
    entry.not_after = made.not_after();
    BERTH_CHECK(records.append(entry));
    return {};
}

}  // namespace berth::app
