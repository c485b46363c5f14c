{#- Threads and memory of a build.  They are not in profiles.yml, because dbt parses the whole project again (three
    seconds) whenever a value of the profile has changed, e.g. the folder of a catalogue that was moved. -#}
{%- macro engine_settings() -%}
{{ return(adapter.dispatch('engine_settings', 'galaxiesml')()) }}
{%- endmacro -%}

{#- Of Spark and Sail they are given where the server is started. -#}
{%- macro spark__engine_settings() -%}
select 1
{%- endmacro -%}

{%- macro default__engine_settings() -%}
set threads = {{ env_var('GALAXIESML_THREADS', '2') | int }};
set memory_limit = '{{ env_var('GALAXIESML_MEMORY_LIMIT', '4GB') | replace("'", "''") }}';
set temp_directory = '{{ (env_var('GALAXIESML_CATALOG', '.') ~ '/.tmp') | replace("'", "''") }}';
{%- endmacro -%}
