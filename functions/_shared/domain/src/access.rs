//! Who may do what (K4): one table.

use serde::{Deserialize, Serialize};

/// The role of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A provider or CRM that posts webhooks, and nothing else.
    Webhook,
    /// Works with leads.
    Agent,
    /// Also campaigns, imports, recycling, rules.
    Admin,
    /// Also keys, removal from do-not-call, law records.
    Owner,
    /// Also queue start and stop, dead letters.
    SystemAdmin,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Deliver a webhook of a provider without signatures.
    PostWebhook,
    /// Read leads, campaigns, the queue.
    View,
    /// Pause, resume, remove or change a lead.
    ChangeLead,
    /// Add leads.
    AddLead,
    /// Import leads from a file, read what is wrong with it, undo it.
    ImportLeads,
    /// Create, change, start and pause campaigns; the business switch; limits.
    ManageCampaigns,
    /// Draft, check, replay, publish and roll back rules; cancel jobs.
    ManageRules,
    /// Mark a phone as do-not-call.
    MarkDoNotCall,
    /// Import and export do-not-call marks.
    ListDoNotCall,
    /// Make and revoke API keys.
    ManageKeys,
    /// Say whether rules need a second person's approval.
    GovernRules,
    /// Declare and lift bans on calling.
    BanCalls,
    /// Export everything about one phone.
    ExportEvidence,
    /// Add to the law book, or replace what it says.
    GovernLaw,
    /// Take a do-not-call mark away.
    RemoveDoNotCall,
    /// Delete what is known about a person.
    ForgetPerson,
    /// Start and stop the queue.
    OperateQueue,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 5] = [Self::Webhook, Self::Agent, Self::Admin, Self::Owner, Self::SystemAdmin];

    /// The word in items and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::SystemAdmin => "system_admin",
        }
    }

    /// Reads the word, exactly.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether a key with this role may do it.
    pub fn may(self, permission: Permission) -> bool {
        let least = match permission {
            Permission::PostWebhook => return self == Self::Webhook,
            Permission::View | Permission::ChangeLead | Permission::MarkDoNotCall => Self::Agent,
            Permission::AddLead
            | Permission::ImportLeads
            | Permission::ManageCampaigns
            | Permission::ManageRules
            | Permission::ListDoNotCall
            | Permission::BanCalls
            | Permission::ExportEvidence => Self::Admin,
            Permission::ManageKeys
            | Permission::GovernRules
            | Permission::GovernLaw
            | Permission::RemoveDoNotCall
            | Permission::ForgetPerson => Self::Owner,
            Permission::OperateQueue => Self::SystemAdmin,
        };
        self >= least
    }
}

/// Who did something; stands in every activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name of the key, or `system` for a job.
    pub name: String,
    /// Its role.
    pub role: Role,
}

impl Actor {
    /// A job of ours.
    pub fn system() -> Self {
        Self {
            name: "system".to_owned(),
            role: Role::SystemAdmin,
        }
    }

    /// A job of ours by its name, where people should see which one.
    pub fn job(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::system()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_may_do_what() {
        use Permission::{
            AddLead, BanCalls, ChangeLead, ExportEvidence, ForgetPerson, GovernLaw, GovernRules, ListDoNotCall,
            ManageCampaigns, ManageKeys, ManageRules, MarkDoNotCall, OperateQueue, PostWebhook, RemoveDoNotCall, View,
        };
        let all = [
            PostWebhook,
            View,
            ChangeLead,
            MarkDoNotCall,
            AddLead,
            ManageCampaigns,
            ManageRules,
            ListDoNotCall,
            BanCalls,
            ExportEvidence,
            ManageKeys,
            GovernRules,
            GovernLaw,
            RemoveDoNotCall,
            ForgetPerson,
            OperateQueue,
        ];
        let table = [
            (Role::Webhook, &all[..1]),
            (Role::Agent, &all[1..4]),
            (Role::Admin, &all[1..10]),
            (Role::Owner, &all[1..15]),
            (Role::SystemAdmin, &all[1..]),
        ];
        for (role, allowed) in table {
            for permission in all {
                assert_eq!(
                    role.may(permission),
                    allowed.contains(&permission),
                    "{role:?} {permission:?}"
                );
            }
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
    }
}
