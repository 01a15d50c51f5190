//! nexus-scraper
