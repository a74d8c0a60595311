DROP TABLE failed_link_budgets;
