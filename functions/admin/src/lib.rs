//! The REST API for people and their tools.

mod accounts_api;
mod add_lead;
mod brake;
mod callback_figures;
mod campaign_api;
mod campaign_fields;
mod cursor;
mod do_not_call;
mod do_not_call_list;
mod evidence;
mod explain_campaign;
mod explain_lead;
mod forget;
mod handler;
mod jobs_api;
mod law_api;
mod lead_consent;
mod lines_left;
mod queue_config;
mod queue_lead;
mod queue_records;
mod queue_status;
mod queue_switches;
mod report_call;
mod request;
mod rules_again;
mod rules_approval;
mod rules_draft;
mod rules_examine;
mod rules_publish;
mod rules_replay;
mod rules_return;
mod rules_show;
mod show_lead;
mod still_placing;

pub use handler::Handler;
