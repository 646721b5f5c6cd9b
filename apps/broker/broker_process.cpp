#include "broker/broker_process.h"

#include "base/log.h"
#include "common/files.h"
#include "common/own_libraries.h"
#include "crypto/random.h"
#include "hub/carrier/relay_token.h"

#include <csignal>
#include <thread>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace {

constexpr milliseconds look_every = 100;
constexpr milliseconds most_wait = 20'000;
constexpr milliseconds first_pause = 500, longest_pause = 60'000;
constexpr milliseconds well = 60'000;         // for so long: what went wrong before is forgotten
constexpr milliseconds longest_end = 30'000;  // Mosquitto writes down its sessions
constexpr milliseconds window = 1'000;
constexpr size_t most_lines = 20;  // of a window
constexpr size_t most_line = 1'000;

bool is_program(const std::filesystem::path& path) {
    return ::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path);
}

result<std::filesystem::path> find_mosquitto(const std::filesystem::path& configured) {
    if (!configured.empty()) {
        if (!is_program(configured)) {
            return fail(error_category::environment, "broker_missing",
                        fmt::format("{} is no program that can be run: is Mosquitto installed?", configured.string()));
        }
        return configured;
    }
    std::vector<std::filesystem::path> places;
    if (const char* path = std::getenv("PATH"); path != nullptr) {
        std::string_view rest = path;
        while (!rest.empty()) {
            const size_t end = std::min(rest.find(':'), rest.size());
            places.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    // A service's PATH, or a user's, may have no room for daemons.
    places.emplace_back("/usr/sbin");
    places.emplace_back("/usr/local/sbin");
    for (const auto& place : places) {
        if (place.is_absolute() && is_program(place / "mosquitto")) {
            return place / "mosquitto";
        }
    }
    return fail(
        error_category::environment, "broker_missing",
        "there is no Mosquitto on this machine: install it (Debian: apt install mosquitto), or say where it is (mosquitto = "
        "\"/path/of/mosquitto\")");
}

result<std::filesystem::path> find_own(const char* name) {
    std::error_code ec;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
    for (const auto& place : {self / name, self.parent_path() / BERTH_LIBDIR / "berth" / name}) {
        if (!ec && std::filesystem::exists(place, ec)) {
            return place;
        }
    }
    return fail(error_category::environment, "program_missing",
                fmt::format("{} is neither in {} nor in {}: make build, or make install", name, self.string(),
                            (self.parent_path() / BERTH_LIBDIR / "berth").string()));
}

// Besides what is loaded before all programs here. A blank or colon in the path would make two of it.
std::optional<std::string> preloaded(const std::filesystem::path& tap) {
    if (tap.empty() || tap.string().find_first_of(" :") != std::string::npos) {
        return std::nullopt;
    }
    const char* const before = std::getenv("LD_PRELOAD");
    return "LD_PRELOAD=" + (before != nullptr && *before != '\0' ? std::string(before) + ":" : "") + tap.string();
}

// Whoever may open the socket in it may do everything at the broker.
result<void> require_own(const std::filesystem::path& directory) {
    struct stat found{};
    if (::lstat(directory.c_str(), &found) != 0) {
        return cannot("look at", directory);
    }
    if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() || (found.st_mode & 077) != 0) {
        return fail(error{error_category::environment,
                          "unsafe_permissions",
                          fmt::format("{} must be a directory of this user's that nobody else may enter: chmod 700 {}",
                                      directory.string(), directory.string()),
                          {{"file", directory.string()}}});
    }
    return {};
}

// One that nobody has now. Mosquitto takes no port 0.
result<uint16_t> free_port(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const auto cannot_listen = [&host] {
        return fail(error_category::environment, "listen_failed", fmt::format("no port of {} can be listened to", host));
    };
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
        return cannot_listen();
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> kept(found, ::freeaddrinfo);
    const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage at{};
    socklen_t length = sizeof at;
    const bool bound = fd >= 0 && ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                       ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) == 0;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!bound) {
        return cannot_listen();
    }
    return ntohs(at.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(at).sin6_port
                                          : reinterpret_cast<const sockaddr_in&>(at).sin_port);
}

}  // namespace

result<broker_program> find_broker(const std::filesystem::path& configured) {
    broker_program out;
    BERTH_TRY(mosquitto, find_mosquitto(configured));
    BERTH_TRY(plugin, find_own("berth-broker-plugin.so"));
    BERTH_TRY(tap, find_own("berth-broker-tap.so"));
    out.mosquitto = std::move(mosquitto);
    out.plugin = std::move(plugin);
    out.tap = std::move(tap);
    if (const auto directory = own_openssl(); !directory.empty()) {
        out.environment.push_back("LD_LIBRARY_PATH=" + directory.string());
    }
    return out;
}

broker_process::broker_process(net::loop& on, broker_program program, broker_settings settings)
    : program_(std::move(program)), settings_(std::move(settings)), timer_(on) {}

broker_process::~broker_process() {
    begin_to_end();
    const milliseconds until = system_clock().steady() + longest_end;
    while (child_ && !child_->exit_code() && system_clock().steady() < until) {
        poll_children({&*child_}, 20);  // what it says then would fill its pipe
    }
}

void broker_process::begin_to_end() {
    if (child_) {
        child_->terminate();
    }
}

void broker_process::listen() {
    if (child_) {
        poll_children({&*child_}, 0);
        for (const auto& line : child_->take_error_lines()) {
            tell(line);
        }
    }
}

result<std::unique_ptr<broker_process>> broker_process::start(net::loop& on, broker_program program, broker_settings settings,
                                                              const std::function<void()>& meanwhile) {
    settings.plugin = program.plugin;
    // It runs in a directory of its own.
    for (auto* const path : {&settings.hub, &settings.directory, &settings.chain, &settings.key, &settings.plugin,
                             &settings.service, &program.mosquitto, &program.tap}) {
        if (!path->empty()) {
            BERTH_TRY(whole, absolute_path(*path));
            *path = std::move(whole);
        }
    }
    settings.as_root = ::geteuid() == 0;
    const bool any_port = settings.listen.port == 0;
    std::unique_ptr<broker_process> out(new broker_process(on, std::move(program), std::move(settings)));
    if (out->settings_.relays) {
        out->relay_ = std::make_shared<relay_place>();
        out->relay_->socket = out->settings_.relay_socket().string();
    }
    const milliseconds until = system_clock().steady() + most_wait;
    for (;;) {
        if (any_port) {
            BERTH_TRY(port, free_port(out->settings_.listen.host));
            out->settings_.listen.port = port;
        }
        BERTH_CHECK(out->launch());
        auto up = out->wait_until_up(meanwhile);
        if (up) {
            break;
        }
        // The broker of a berthd that was killed is on its way out.
        const bool taken = out->last_line_.find("ddress already in use") != std::string::npos;
        if (!taken || system_clock().steady() >= until) {
            return fail(taken ? error{error_category::environment, "listen_failed",
                                      fmt::format("{} is taken by another program", out->settings_.listen.text())}
                              : std::move(up).error());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(look_every));
    }
    out->timer_.arm(look_every, [self = out.get()] { self->look(); });
    return out;
}

result<void> broker_process::launch() {
    BERTH_CHECK(make_directory(settings_.directory, 0700));
    BERTH_CHECK(require_own(settings_.directory));
    BERTH_TRY(text, mosquitto_conf(settings_));
    BERTH_CHECK(write_text(settings_.configuration(), text, 0600));
    child_.reset();
    set_up(false);
    BERTH_CHECK(draw_relay_secret());
    last_line_.clear();
    started_ = system_clock().steady();
    std::vector<std::string> words{"-C", settings_.directory.string()};
    if (const auto tap = preloaded(program_.tap); tap && settings_.role == broker_role::hub) {
        words.push_back(*tap);
    }
    words.insert(words.end(), {program_.mosquitto.string(), "-c", settings_.configuration().string()});
    BERTH_TRY(child, child_process::start("/usr/bin/env", std::move(words), program_.environment));
    child_.emplace(std::move(child));
    return {};
}

// Another one for each broker: what was used at one is known to that one alone.
result<void> broker_process::draw_relay_secret() {
    if (!relay_) {
        return {};
    }
    auto secret = std::make_shared<secret_bytes>(hub::relay_secret_octets);
    crypto::system_random().fill(secret->writable());
    BERTH_CHECK(write_text(settings_.relay_secret(), as_text(secret->reveal()), 0600));
    relay_->secret.set(std::move(secret));
    return {};
}

void broker_process::set_up(bool up) {
    up_ = up;
    if (relay_) {
        relay_->up = up;
    }
}

void broker_process::tell(const std::string& line) {
    if (line.starts_with('{')) {
        // The plugin's, which has our format already.
        fmt::print(stderr, "{}\n", line);
        return;
    }
    if (line.find(" running") != std::string::npos && line.find("mosquitto version") != std::string::npos) {
        set_up(true);
    }
    const milliseconds now = system_clock().steady();
    if (now >= window_ + window) {
        if (untold_ > 0) {
            log::warning("broker_says", fmt::format("{} more lines were not written down", untold_), {{"party", "broker"}});
        }
        window_ = now;
        told_ = untold_ = 0;
    }
    last_line_ = line.substr(0, most_line);
    // Strangers can make it complain as often as they like.
    if (++told_ > most_lines) {
        ++untold_;
        return;
    }
    log::info("broker_says", last_line_, {{"party", "broker"}, {"role", std::string(to_string(settings_.role))}});
}

result<void> broker_process::wait_until_up(const std::function<void()>& meanwhile) {
    const milliseconds until = system_clock().steady() + most_wait;
    while (!up_ && system_clock().steady() < until) {
        if (meanwhile) {
            meanwhile();
        }
        poll_children({&*child_}, look_every);
        for (const auto& line : child_->take_error_lines()) {
            tell(line);
        }
        if (const auto code = child_->exit_code()) {
            poll_children({&*child_}, 0);
            for (const auto& line : child_->take_error_lines()) {
                tell(line);
            }
            return fail(error{error_category::environment,
                              "broker_not_started",
                              fmt::format("{} ended with exit code {}: {}", program_.mosquitto.string(), *code,
                                          last_line_.empty() ? "it said nothing" : last_line_),
                              {{"role", std::string(to_string(settings_.role))}}});
        }
    }
    if (!up_) {
        return fail(error_category::environment, "broker_not_started",
                    fmt::format("{} does not listen after {} s; its last words: {}", program_.mosquitto.string(),
                                most_wait / 1'000, last_line_));
    }
    return {};
}

void broker_process::look() {
    milliseconds next = look_every;
    if (!child_) {
        ++restarts_;
        if (const auto launched = launch(); !launched) {
            log::failure("broker_not_started", launched.error(), {{"party", "broker"}});
            child_.reset();
            pause_ = next = std::min(longest_pause, std::max(first_pause, pause_ * 2));
        }
    } else {
        poll_children({&*child_}, 0);
        for (const auto& line : child_->take_error_lines()) {
            tell(line);
        }
        if (const auto code = child_->exit_code()) {
            ended(*code);
            next = pause_;
        }
    }
    timer_.arm(next, [this] { look(); });
}

void broker_process::ended(int code) {
    const milliseconds lived = system_clock().steady() - started_;
    pause_ = lived >= well ? first_pause : std::min(longest_pause, std::max(first_pause, pause_ * 2));
    log::warning("broker_ended",
                 fmt::format("the broker has ended with exit code {}; it is started again in {} ms", code, pause_),
                 {{"party", "broker"}, {"role", std::string(to_string(settings_.role))}});
    child_.reset();
    set_up(false);
}

result<void> broker_process::check() const {
    if (!up_) {
        return fail(error_category::environment, "broker_down",
                    fmt::format("the {} broker has ended and is started again in a moment", to_string(settings_.role)));
    }
    return {};
}

void broker_process::read_certificate_again() {
    if (child_ && up_) {
        ::kill(child_->pid(), SIGHUP);
    }
}

}  // namespace berth::app
