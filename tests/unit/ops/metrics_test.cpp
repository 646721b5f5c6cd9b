#include "ops/metrics.h"

#include <thread>

#include <gmock/gmock.h>

namespace berth::ops {

using testing::HasSubstr;

TEST(metrics, are_written_in_prometheus_text) {
    metric_registry m;
    const auto refused = m.counters("berth_refused_total", "Refusals", {"listener", "error"});
    refused.with({"kk2", "unknown_issuer"}).add();
    refused.with({"kk2", "unknown_issuer"}).add(2);
    refused.with({"kk1"}).add();
    m.gauges("berth_open", "Open").plain().set(7);
    const auto took = m.histograms("berth_seconds", "Time", {0.1, 1}, {"step"});
    took.with({"a\"b\\c\nd"}).observe(0.05);
    took.with({"a\"b\\c\nd"}).observe(0.5);
    took.with({"a\"b\\c\nd"}).observe(5);
    const std::string text = m.text();
    EXPECT_THAT(text, HasSubstr("# HELP berth_refused_total Refusals\n# TYPE berth_refused_total counter\n"));
    EXPECT_THAT(text, HasSubstr("berth_refused_total{error=\"unknown_issuer\",listener=\"kk2\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("berth_refused_total{error=\"\",listener=\"kk1\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE berth_open gauge\nberth_open 7\n"));
    EXPECT_THAT(text, HasSubstr("berth_seconds_bucket{step=\"a\\\"b\\\\c\\nd\",le=\"0.1\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("le=\"1\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 3\n"));
}

TEST(metrics, same_name_is_the_same_family) {
    metric_registry m;
    m.counters("berth_x_total", "x").plain().add();
    m.counters("berth_x_total", "x").plain().add();
    EXPECT_EQ(m.counters("berth_x_total", "x").plain().value(), 2);
}

TEST(metrics, labels_that_somebody_makes_up_do_not_fill_the_memory) {
    metric_registry m;
    const auto family = m.counters("berth_x_total", "x", {"l"});
    for (size_t i = 0; i < counter_family::most_series + 500; ++i) {
        family.with({std::to_string(i)}).add();
    }
    const std::string text = m.text();
    EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), 2 + counter_family::most_series + 1);
    EXPECT_EQ(family.with({"other"}).value(), 500);
}

TEST(metrics, are_counted_from_many_threads) {
    metric_registry m;
    const auto family = m.counters("berth_x_total", "x", {"l"});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                family.with({std::to_string(i % 3)}).add();
                if (i % 100 == 0) {
                    EXPECT_FALSE(m.text().empty());
                }
            }
        });
    }
    for (auto& t : threads) {
        t.join();
    }
    EXPECT_EQ(family.with({"0"}).value() + family.with({"1"}).value() + family.with({"2"}).value(), 4000);
}

TEST(metrics, mistakes_in_names_are_found_at_once) {
    EXPECT_DEATH(metric_registry().counters("not a name", "x"), "the metric not a name");
    EXPECT_DEATH(std::ignore = metric_registry().counters("berth_x_total", "x", {"bad-label"}).with({"v"}),
                 "the metric berth_x_total");
}

TEST(metrics, of_the_process_are_there) {
    metric_registry m;
    add_process_metrics(m, "1.2.3");
    const std::string text = m.text();
    EXPECT_THAT(text, HasSubstr("berth_build_info{version=\"1.2.3\"} 1\n"));
    for (const char* name :
         {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}) {
        const size_t at = text.find(std::string("\n") + name + ' ');
        ASSERT_NE(at, std::string::npos) << name;
        EXPECT_GT(std::stod(text.substr(at + 2 + std::string(name).size())), 0) << name;
    }
}

TEST(metrics, bounds_grow) {
    EXPECT_THAT(exponential_bounds(1, 2, 4), testing::ElementsAre(1, 2, 4, 8));
}

}  // namespace berth::ops
