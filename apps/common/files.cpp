#include "common/files.h"

#include "base/descriptor.h"
#include "pki/private_key_file.h"
#include "pki/trust.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace berth::app {

tl::unexpected<error> cannot(const char* doing, const std::filesystem::path& path, const std::error_code& why) {
    return fail(
        error{error_category::environment, "file_error", fmt::format("cannot {} {}: {}", doing, path.string(), why.message())}
            .with("path", path.string()));
}

tl::unexpected<error> cannot(const char* doing, const std::filesystem::path& path) {
    return cannot(doing, path, std::error_code(errno, std::generic_category()));
}

result<std::string> read_text(const std::filesystem::path& path) {
    BERTH_TRY(data, pki::read_file(path.string(), most_file_octets));
    return std::string(as_text(data));
}

result<void> write_text(const std::filesystem::path& path, std::string_view text, unsigned mode) {
    return pki::write_file_atomically(path.string(), as_bytes(text), mode);
}

namespace {

constexpr size_t most_list_octets = 64 * 1024 * 1024;  // of a maker that had to revoke some 800 000 devices

// A file of ours that is wrong is nobody else's fault, whatever the parser says that peers' certificates pass as well.
tl::unexpected<error> wrong_file(error e, const std::filesystem::path& path) {
    e = std::move(e).during(path.string()).with("path", path.string());
    e.category = error_category::usage;
    return fail(std::move(e));
}

}  // namespace

result<std::vector<pki::certificate>> read_chain(const std::filesystem::path& path) {
    BERTH_TRY(text, read_text(path));
    auto chain = pki::certificate::parse_pem_chain(text);
    if (!chain) {
        return wrong_file(chain.error(), path);
    }
    return chain;
}

result<pki::certificate> read_certificate(const std::filesystem::path& path) {
    BERTH_TRY(chain, read_chain(path));
    return chain.front();
}

result<std::vector<pki::certificate>> read_certificates(const std::vector<std::filesystem::path>& files) {
    std::vector<pki::certificate> out;
    for (const auto& file : files) {
        BERTH_TRY(chain, read_chain(file));
        out.insert(out.end(), chain.begin(), chain.end());
    }
    return out;
}

result<std::vector<pki::crl>> read_crls(const std::vector<std::filesystem::path>& files) {
    std::vector<pki::crl> out;
    for (const auto& file : files) {
        BERTH_TRY(text, pki::read_file(file.string(), most_list_octets));
        // As web servers have them: one in DER.
        const bool der = !text.empty() && text.front() == 0x30;
        auto lists = der ? pki::crl::parse(text).map([](pki::crl one) { return std::vector{std::move(one)}; })
                         : pki::crl::parse_pem_all(as_text(text));
        if (!lists) {
            return wrong_file(lists.error(), file);
        }
        if (lists->empty()) {  // a list that was cut to nothing would otherwise say that nobody is revoked
            return fail(
                error{error_category::usage, "bad_crl", fmt::format("{} holds no revocation list, in PEM or DER", file.string())}
                    .with("path", file.string()));
        }
        out.insert(out.end(), lists->begin(), lists->end());
    }
    return out;
}

result<std::vector<pki::certificate>> read_anchors(const std::vector<std::filesystem::path>& files) {
    for (const auto& file : files) {
        BERTH_TRY(chain, read_chain(file));
        if (const auto built = pki::trust_store::build({chain, {}, {}}); !built) {
            return wrong_file(built.error(), file);
        }
    }
    return read_certificates(files);
}

result<std::optional<secret_bytes>> read_passphrase(const std::filesystem::path& file) {
    if (file.empty()) {
        return std::nullopt;
    }
    BERTH_TRY(passphrase, pki::read_secret_file(file.string(), 4096));
    const bytes_view all = passphrase.reveal();
    const auto end = std::find_if(all.begin(), all.end(), [](uint8_t c) { return c == '\n' || c == '\r'; });
    passphrase.resize(static_cast<size_t>(end - all.begin()));
    if (passphrase.empty()) {
        return fail(error_category::usage, "empty_passphrase",
                    fmt::format("the first line of {} is empty; it must be the passphrase", file.string()));
    }
    return std::optional(std::move(passphrase));
}

result<std::filesystem::path> file_in(const std::filesystem::path& directory, const char* name, const char* whose,
                                      const char* made_by) {
    auto file = directory / name;
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return fail(error_category::environment, "file_not_found",
                    fmt::format("{} is not {} directory (no {}); {}", directory.string(), whose, name, made_by));
    }
    return file;
}

result<void> require_place_of_copy(const std::filesystem::path& file, std::string_view text) {
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return {};
    }
    BERTH_TRY(now, read_text(file));
    return now == text ? result<void>{}
                       : fail(error{error_category::usage,
                                    "file_exists",
                                    fmt::format("{} is there already, and another; nothing is overwritten: choose another "
                                                "directory",
                                                file.string()),
                                    {{"file", file.string()}}});
}

result<bool> is_there(const std::filesystem::path& path) {
    std::error_code ec;
    const bool there = std::filesystem::exists(path, ec);
    if (ec) {
        return cannot("look at", path, ec);
    }
    return there;
}

result<std::filesystem::path> absolute_path(const std::filesystem::path& path) {
    std::error_code ec;
    auto out = std::filesystem::absolute(path, ec);
    if (ec) {
        return fail(error_category::environment, "file_error",
                    fmt::format("cannot tell where {} is: {}", path.string(), ec.message()));
    }
    return out;
}

result<void> sync_directory(const std::filesystem::path& path) {
    const descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const bool durable = directory && (::fsync(directory.get()) == 0 || errno == EINVAL);
    return durable ? result<void>{} : cannot("make durable", path);
}

result<std::filesystem::path> make_temporary_directory(const std::string& prefix, const std::filesystem::path& below) {
    std::error_code ec;
    std::string name = ((below.empty() ? std::filesystem::temp_directory_path(ec) : below) / (prefix + "-XXXXXX")).string();
    if (ec || !::mkdtemp(name.data())) {
        return fail(error_category::environment, "file_error",
                    below.empty() ? "cannot make a temporary directory; set TMPDIR to one that is writable"
                                  : fmt::format("cannot make a directory below {}: is it there, and writable?", below.string()));
    }
    return std::filesystem::path(name);
}

result<void> make_directory(const std::filesystem::path& path, unsigned mode) {
    std::error_code ec;
    const bool made = std::filesystem::create_directories(path, ec);
    if (ec) {
        return fail(error_category::environment, "file_error",
                    fmt::format("cannot make directory {}: {}", path.string(), ec.message()));
    }
    if (made && ::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
        return fail(error_category::environment, "file_error", fmt::format("cannot set the mode of {}", path.string()));
    }
    return {};
}

}  // namespace berth::app
