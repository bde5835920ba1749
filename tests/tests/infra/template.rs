//! Reads the AWS template as plain JSON: short forms (`!Ref X`) become long ones (`{"Ref": "X"}`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde_json::{Value, json};

/// The template.
pub(crate) struct Template(pub(crate) Value);

impl Template {
    pub(crate) fn read() -> Self {
        let source = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
        Self(long_form(&YamlOwned::load_from_str(&source).unwrap()[0]))
    }

    /// Resources of a type by their logical id.
    pub(crate) fn of_type(&self, kind: &str) -> BTreeMap<String, Value> {
        let all = self.0["Resources"].as_object().unwrap();
        all.iter()
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id.clone(), resource.clone()))
            .collect()
    }

    /// Functions by the name of their binary, with their properties.
    pub(crate) fn functions(&self) -> Vec<(String, Value)> {
        let functions = self.of_type("AWS::Serverless::Function").into_values();
        functions
            .map(|function| {
                let binary = text(&function["Metadata"]["BuildProperties"]["Binary"]).to_owned();
                (binary, function["Properties"].clone())
            })
            .collect()
    }

    /// Queues by their name without the stack's, with logical id and properties.
    pub(crate) fn queues(&self) -> BTreeMap<String, (String, Value)> {
        let queues = self.of_type("AWS::SQS::Queue").into_iter();
        queues
            .map(|(id, queue)| {
                let name = text(&queue["Properties"]["QueueName"]["Fn::Sub"]);
                let name = name.strip_prefix("${AWS::StackName}-").unwrap().to_owned();
                (name, (id, queue["Properties"].clone()))
            })
            .collect()
    }

    /// The default of the parameter that a value refers to.
    pub(crate) fn default_of(&self, value: &Value) -> Value {
        self.0["Parameters"][text(&value["Ref"])]["Default"].clone()
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("expected a text, found {value}"))
}

pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Something that may be one or a list of it.
fn one_or_more(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |all| all.iter().collect())
}

pub(crate) fn events_of_type(properties: &Value, kind: &str) -> Vec<Value> {
    let events = properties["Events"].as_object().into_iter().flatten();
    events
        .filter(|(_, event)| event["Type"] == kind)
        .map(|(_, event)| event["Properties"].clone())
        .collect()
}

/// What a function may do: pairs of resource and action.
pub(crate) fn rights(properties: &Value) -> BTreeSet<(String, String)> {
    let mut rights = BTreeSet::new();
    for statement in list(&properties["Policies"]).flat_map(|policy| list(&policy["Statement"])) {
        assert_eq!(statement["Effect"], "Allow");
        for action in one_or_more(&statement["Action"]) {
            for resource in one_or_more(&statement["Resource"]) {
                rights.insert((resource_name(resource), text(action).to_owned()));
            }
        }
    }
    rights
}

/// `Table` for its ARN, `Table/index` for all its indexes, else the logical id.
fn resource_name(resource: &Value) -> String {
    if let Some(attribute) = resource["Fn::GetAtt"].as_str() {
        return attribute.strip_suffix(".Arn").unwrap().to_owned();
    }
    if resource["Fn::Sub"] == "${Table.Arn}/index/*" {
        return "Table/index".to_owned();
    }
    resource["Ref"]
        .as_str()
        .map_or_else(|| resource.to_string(), str::to_owned)
}

/// YAML with CloudFormation's short forms as JSON with the long ones.
fn long_form(yaml: &YamlOwned) -> Value {
    match yaml {
        YamlOwned::Value(ScalarOwned::Null) => Value::Null,
        YamlOwned::Value(ScalarOwned::Boolean(value)) => json!(value),
        YamlOwned::Value(ScalarOwned::Integer(value)) => json!(value),
        YamlOwned::Value(ScalarOwned::FloatingPoint(value)) => json!(value.into_inner()),
        YamlOwned::Value(ScalarOwned::String(value)) => json!(value),
        YamlOwned::Sequence(items) => items.iter().map(long_form).collect(),
        YamlOwned::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (text(&long_form(key)).to_owned(), long_form(value)));
            Value::Object(entries.collect())
        }
        YamlOwned::Tagged(tag, value) => {
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            json!({name: long_form(value)})
        }
        other => panic!("the template has YAML that CloudFormation does not: {other:?}"),
    }
}
