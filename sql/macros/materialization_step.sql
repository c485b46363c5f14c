{#- Create a model that only the build reads: a table or a view, in one statement.
    dbt's own materializations create another one and rename it, for readers of a database that is in use. -#}
{%- materialization step, adapter='duckdb' -%}
    {%- set kind = config.require('kind') -%}
    {%- set target = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        create or replace {{ kind }} {{ target }} as {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}

{#- Spark and Sail: a table's files lie in the build's folder, so that nothing is left in a server's warehouse. -#}
{%- materialization step, adapter='spark' -%}
    {%- set kind = config.require('kind') -%}
    {%- set target = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        {%- if kind == 'view' -%}
        create or replace view {{ target }} as {{ sql }}
        {%- else -%}
        create table {{ target }} using parquet location {{ build_folder('.steps', this.identifier) }} as {{ sql }}
        {%- endif -%}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}
