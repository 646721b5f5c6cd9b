#include "scene/chips.h"

#include "common/files.h"
#include "crypto/random.h"

#include <cstdlib>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr milliseconds make_wait = 120'000;  // with an RSA key, which takes as long as it takes
constexpr milliseconds start_wait = 20'000;
constexpr milliseconds look = 10;

// An installed program. Error `program_missing`.
result<fs::path> installed(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::string_view left = path != nullptr && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin";
    while (!left.empty()) {
        const std::string_view directory = left.substr(0, left.find(':'));
        left.remove_prefix(std::min(left.size(), directory.size() + 1));
        const fs::path file = fs::path(directory) / name;
        if (::access(file.c_str(), X_OK) == 0 && !fs::is_directory(file)) {
            return file;
        }
    }
    return fail(error{error_category::environment, "program_missing",
                      fmt::format("{} is not installed, and it is the TPM of the devices that have one. scripts/bootstrap "
                                  "installs it; by hand: apt-get install swtpm swtpm-tools libtss2-dev",
                                  name)}
                    .with("program", name));
}

// A socket's file is there before anybody listens.
bool listens(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    if (fd >= 0) {
        ::close(fd);
    }
    return connected;
}

tl::unexpected<error> chip_failed(const std::string& name, const char* program, child_process& process) {
    poll_children({&process}, 0);
    std::string said;
    for (const auto& lines : {process.take_output_lines(), process.take_error_lines()}) {
        for (const auto& line : lines) {
            said += "\n  " + line;
        }
    }
    return fail(
        error{error_category::environment, "chip_failed",
              fmt::format("the chip of {} did not come to be; {} said:{}", name, program, said.empty() ? " nothing" : said)}
            .with("program", program));
}

// Until `ready`. Errors `interrupted`, `chip_failed`.
result<void> wait_for(child_process& process, const std::string& name, const char* program, milliseconds most,
                      const chip_works::given_up& no_more, const std::function<bool()>& ready) {
    const milliseconds until = system_clock().steady() + most;
    while (!ready()) {
        if (no_more()) {
            return fail(error_category::environment, "interrupted", "interrupted while a chip was being made");
        }
        if (process.exit_code() || system_clock().steady() >= until) {
            return chip_failed(name, program, process);
        }
        poll_children({&process}, look);
    }
    return {};
}

}  // namespace

std::string chip::key(const std::string& place) const {
    return backend_ + ":" + place + ";" + where_;
}

void chip::place_keys(device_order& order) const {
    const bool tpm = backend_ == "tpm2";
    order.p3_uri = key(tpm ? "0x81020002;seed=p3.seed" : "slot=2");
    order.p3_sig_uri = key(tpm ? "0x81020000" : "slot=1");
    order.credentials = {{"device", "p256@" + key(tpm ? "0x81000002" : "slot=3")},
                         {"device-kem", "mlkem768_p256@" + key(tpm ? "0x81000003;seed=device-kem.seed" : "slot=4")}};
    order.tpm.makers = makers_;
}

result<std::unique_ptr<chip_works>> chip_works::open(const fs::path& directory) {
    BERTH_TRY(swtpm, installed("swtpm"));
    BERTH_TRY(swtpm_setup, installed("swtpm_setup"));
    BERTH_TRY(stsafe_sim, sibling_program("stsafe-sim"));
    BERTH_TRY(room, make_temporary_directory("berth-chips"));
    std::unique_ptr<chip_works> out(new chip_works(room));
    out->swtpm_ = swtpm;
    out->swtpm_setup_ = swtpm_setup;
    out->stsafe_sim_ = stsafe_sim;
    BERTH_CHECK(make_directory(directory, 0700));
    std::error_code ec;
    fs::create_directory_symlink(directory, room / "chips", ec);
    if (ec) {
        return cannot("make", room / "chips", ec);
    }
    BERTH_CHECK(out->make_maker());
    return out;
}

chip_works::~chip_works() {
    begun_.clear();
    std::error_code ignored;
    fs::remove_all(room_, ignored);
}

// The maker's CA, and what swtpm_setup and swtpm_localca want to know of it. Left to themselves they would make one as well, with
// two RSA keys of 3072 bits, which takes longer than everything else.
result<void> chip_works::make_maker() const {
    const fs::path ca = memory_of("maker");
    BERTH_CHECK(make_directory(ca, 0700));
    const unix_seconds now = system_clock().now();
    BERTH_CHECK(make_root(ca, "ca", pki::root_template("Chipworks", "Chipworks TPM CA", {now - 60, now + one_year}),
                          crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random()));
    BERTH_CHECK(write_text(
        ca / "ca.conf",
        fmt::format("statedir={0}\nsigningkey={0}/ca.key\nissuercert={0}/ca.pem\ncertserial={0}/certserial\n", ca.string())));
    BERTH_CHECK(write_text(ca / "ca.options", "--tpm-manufacturer id:00001014\n--tpm-model swtpm\n--tpm-version 2\n"
                                              "--platform-manufacturer Acme\n--platform-version 1.0\n--platform-model GW-1\n"));
    BERTH_TRY(localca, installed("swtpm_localca"));
    return write_text(ca / "setup.conf", fmt::format("create_certs_tool={0}\ncreate_certs_tool_config={1}/ca.conf\n"
                                                     "create_certs_tool_options={1}/ca.options\nactive_pcr_banks=sha256\n",
                                                     localca.string(), ca.string()));
}

result<void> chip_works::begin_tpm(const std::string& name) {
    const fs::path memory = memory_of(name);
    BERTH_CHECK(make_directory(memory, 0700));
    BERTH_TRY(process, child_process::start(swtpm_setup_,
                                            {"--tpm2", "--tpmstate", memory.string(), "--ecc", "--create-ek-cert", "--lock-nvram",
                                             "--config", (memory_of("maker") / "setup.conf").string()},
                                            {"TMPDIR=" + room_.string()}));  // what it leaves when it is stopped goes, too
    begun_.emplace(name, std::move(process));
    return {};
}

result<chip> chip_works::take(const std::string& backend, const std::string& name, const given_up& no_more) {
    return backend == "tpm2" ? take_tpm(name, no_more) : take_element(name, no_more);
}

result<chip> chip_works::take_tpm(const std::string& name, const given_up& no_more) {
    if (!begun_.contains(name)) {
        BERTH_CHECK(begin_tpm(name));
    }
    {
        const auto making = begun_.find(name);
        child_process& setup = making->second;
        BERTH_CHECK(wait_for(setup, name, "swtpm_setup", make_wait, no_more, [&] { return setup.exit_code() == 0; }));
        begun_.erase(making);
    }
    const fs::path socket = room_ / name;
    const fs::path control = room_ / (name + ".ctrl");
    BERTH_TRY(process,
              child_process::start(swtpm_, {"socket", "--tpm2", "--tpmstate", "dir=" + memory_of(name).string(), "--server",
                                            "type=unixio,path=" + socket.string(), "--ctrl",
                                            "type=unixio,path=" + control.string(), "--flags", "not-need-init,startup-clear"}));
    BERTH_CHECK(wait_for(process, name, "swtpm", start_wait, no_more, [&] { return listens(socket) && listens(control); }));
    return chip("tpm2", "tcti=swtpm:path=" + socket.string(), {memory_of("maker") / "ca.pem"}, std::move(process));
}

result<chip> chip_works::take_element(const std::string& name, const given_up& no_more) {
    const fs::path socket = room_ / name;
    BERTH_TRY(process,
              child_process::start(stsafe_sim_, {"--socket", socket.string(), "--state", memory_of(name).string(), "--json"}));
    BERTH_CHECK(wait_for(process, name, "stsafe-sim", start_wait, no_more, [&] { return !process.take_output_lines().empty(); }));
    return chip("stsafe", "device=" + socket.string(), {}, std::move(process));
}

}  // namespace berth::app
